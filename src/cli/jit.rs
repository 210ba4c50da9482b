//! `--jit`, `--no-jit`, `--dump-traces`, `-X jit`, `PYTHON_JIT`: what is asked of the JIT.

use std::ffi::OsString;
use std::io::Write;

use pyrs_jit::options::Options;

/// How traces are written.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Format {
    Text,
    /// Text with the machine code.
    Code,
    Json,
}

/// What the command line and the environment say.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub enabled: bool,
    pub options: Options,
    pub dump: Option<Format>,
    /// Standard error if there is no file.
    pub dump_to: Option<OsString>,
    /// What could not be understood; the program runs without a JIT.
    pub complaint: Option<String>,
}

impl Settings {
    /// `PYTHON_JIT`
    pub fn variable(&mut self, value: &str) {
        match value {
            "0" => self.enabled = false,
            "1" => self.enabled = true,
            other => {
                self.enabled = false;
                self.complaint = Some(format!("PYTHON_JIT={other}: expected 0 or 1"));
            }
        }
    }

    /// `-X jit=…`
    pub fn x_option(&mut self, value: Option<&str>) {
        match self.options.set(value.unwrap_or_default()) {
            Ok(()) => {}
            Err(message) => {
                self.enabled = false;
                self.complaint = Some(message);
            }
        }
    }

    /// Turns the JIT on if it is wanted. Whatever stands in its way is reported, and the program runs interpreted.
    pub fn start(&self) {
        let mut complaint = self.complaint.clone();
        if self.enabled {
            complaint = pyrs_jit::start(self.options.clone(), self.dump.is_some()).err().or(complaint);
        }
        if let Some(message) = complaint {
            eprintln!("pyrs: {message}; the program runs without a JIT");
        }
    }

    /// Writes the traces if they are wanted, and ends the JIT.
    pub fn finish(&self) {
        if let Some(format) = self.dump {
            let text = match format {
                Format::Text => pyrs_jit::dump::text(),
                Format::Code => pyrs_jit::dump::text_with_code(),
                Format::Json => pyrs_jit::dump::json(),
            };
            let written = match &self.dump_to {
                Some(path) => std::fs::write(path, text),
                None => std::io::stderr().write_all(text.as_bytes()),
            };
            if let Err(e) = written {
                let path = self.dump_to.as_deref().unwrap_or_default().display();
                eprintln!("pyrs: the traces can't be written to {path}: {e}");
            }
        }
        pyrs_jit::shutdown();
    }
}
