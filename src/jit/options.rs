//! Settings: `--jit`, `PYTHON_JIT`, `-X jit=key=value,…`.

pub use crate::tools::Wanted;

/// What can be set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Iterations of a loop, or times that an exit is taken, before it is compiled.
    pub threshold: u16,
    /// As `threshold`, for side exits.
    pub exit_threshold: u16,
    /// As `threshold`, for functions: more, so that what is called in a hot loop is compiled along with the loop.
    pub entry_threshold: u16,
    /// Bytecode instructions of one trace.
    pub trace_length: usize,
    /// Bytes of machine code.
    pub memory: usize,
    /// Traces in all: for finding the one that is wrong.
    pub traces: usize,
    /// Guards fail by chance, for tests; the seed.
    pub fail: Option<u64>,
    /// All code is given up at times, for tests; the seed.
    pub flush: Option<u64>,
    /// Profilers and debuggers that are told of traces.
    pub tools: Wanted,
    /// Traces are written to standard error as they are made.
    pub log: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            threshold: 1000,
            exit_threshold: 100,
            entry_threshold: 7000,
            trace_length: 2500,
            memory: 64 << 20,
            traces: usize::MAX,
            tools: Wanted::default(),
            fail: None,
            flush: None,
            log: false,
        }
    }
}

impl Options {
    /// Applies `key=value,…`; the message says what is wrong.
    pub fn set(&mut self, text: &str) -> Result<(), String> {
        for part in text.split(',').filter(|p| !p.is_empty()) {
            let Some((key, value)) = part.split_once('=') else {
                return Err(format!("-X jit={part}: expected key=value"));
            };
            let number = |low: usize, high: usize| match value.parse::<usize>() {
                Ok(n) if (low..=high).contains(&n) => Ok(n),
                _ => Err(format!("-X jit={key}={value}: expected a number from {low} to {high}")),
            };
            match key {
                "threshold" => {
                    self.threshold = number(1, u16::MAX as usize)? as u16;
                    (self.exit_threshold, self.entry_threshold) = (self.threshold, self.threshold);
                }
                "length" => self.trace_length = number(10, 100_000)?,
                "memory" => self.memory = number(1 << 16, 1 << 30)?.next_multiple_of(1 << 16),
                "log" => self.log = number(0, 1)? == 1,
                "traces" => self.traces = number(0, usize::MAX)?,
                "gdb" => self.tools.gdb = number(0, 1)? == 1,
                "fail" => self.fail = Some(number(0, usize::MAX)? as u64),
                "flush" => self.flush = Some(number(0, usize::MAX)? as u64),
                _ => {
                    return Err(format!(
                        "-X jit: there is no setting {key:?} (threshold, length, memory, traces, log, gdb, fail, flush)"
                    ));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked() {
        let mut options = Options::default();
        assert_eq!(options.set("threshold=1,length=50"), Ok(()));
        assert_eq!((options.threshold, options.exit_threshold, options.trace_length), (1, 1, 50));
        assert!(options.set("threshold=0").is_err());
        assert!(options.set("speed=9").is_err());
        assert!(options.set("banana").is_err());
    }
}
