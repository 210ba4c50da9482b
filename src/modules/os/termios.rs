//! `termios`.

use pyrs_macros::pymodule;

/// Control of terminals as POSIX has it.
///
/// The fd argument of the functions is a file descriptor, or an object with a fileno() method.
#[pymodule(name = "termios")]
pub mod termios {
    use pyrs_runtime::PyClass;
    use pyrs_runtime::args::FromArg;
    use pyrs_runtime::errors::{self, PyResult, Raised};
    use pyrs_runtime::object::{Obj, Object};
    use pyrs_runtime::objects::bytes::Bytes;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::objects::{exceptions, int};
    use pyrs_runtime::protocols::sequence;
    use pyrs_runtime::raise;
    use pyrs_runtime::thread::allow_threads;

    use crate::os::support::{Fd, add_constants, outcome};

    /// Control characters that are numbers while the terminal is not canonical.
    const NUMBERS: [usize; 2] = [libc::VMIN, libc::VTIME];

    fn error_class() -> PyResult<Obj> {
        match pyrs_runtime::thread::runtime().registered("termios.error") {
            Some(class) => Ok(class),
            None => {
                let class = crate::exception_class("termios", "error", exceptions::Exception::class())?;
                pyrs_runtime::thread::runtime().register("termios.error", class.clone());
                Ok(class)
            }
        }
    }

    /// `termios.error(errno, text)`.
    fn failed(error: &std::io::Error) -> Raised {
        let errno = error.raw_os_error().unwrap_or(0);
        let raised = errors::raise_errno(errno, None).take();
        let text = pyrs_runtime::protocols::attr::getattr_text(&raised, "strerror");
        match text.and_then(|text| Ok((error_class()?, text))) {
            Ok((class, text)) => {
                let class = pyrs_runtime::types::as_type(&class).expect("a class");
                errors::raise_class(class, &[int::new(errno as i64), text])
            }
            Err(raised) => raised,
        }
    }

    /// Runs a call without the GIL.
    fn run(f: impl FnOnce() -> i32 + Send) -> PyResult<()> {
        allow_threads(|| outcome(f() as i64)).map(drop).map_err(|e| failed(&e))
    }

    fn attributes(fd: i32) -> PyResult<libc::termios> {
        // SAFETY: a valid structure, filled by the call.
        unsafe {
            let mut mode: libc::termios = std::mem::zeroed();
            outcome(libc::tcgetattr(fd, &mut mode) as i64).map_err(|e| failed(&e))?;
            Ok(mode)
        }
    }

    /// The settings of a terminal: [iflag, oflag, cflag, lflag, ispeed, ospeed, cc].
    ///
    /// cc is the list of control characters; each is bytes of length 1, but cc[VMIN] and cc[VTIME]
    /// are ints while the terminal is not in canonical mode.
    #[pyfunction]
    fn tcgetattr(fd: Fd) -> PyResult<Obj> {
        let mode = attributes(fd.0)?;
        let canonical = mode.c_lflag & libc::ICANON != 0;
        let characters = mode.c_cc.iter().enumerate().map(|(i, c)| {
            if !canonical && NUMBERS.contains(&i) { int::new(*c as i64) } else { Bytes::new(&[*c]).into_obj() }
        });
        let characters: Obj = List::from_vec(characters.collect()).into();
        // SAFETY: plain queries of a valid structure.
        let speeds = unsafe { [libc::cfgetispeed(&mode), libc::cfgetospeed(&mode)] };
        let flags = [mode.c_iflag, mode.c_oflag, mode.c_cflag, mode.c_lflag].into_iter().chain(speeds);
        let mut all: Vec<Obj> = flags.map(|f| int::new(f as i64)).collect();
        all.push(characters);
        Ok(List::from_vec(all).into())
    }

    fn flag(obj: &Obj) -> PyResult<u32> {
        crate::masked_u32(Some(obj))
    }

    /// Set the settings of a terminal, at once (TCSANOW), after output (TCSADRAIN), or after output
    /// with input thrown away (TCSAFLUSH); attributes as tcgetattr() gives them.
    #[pyfunction]
    fn tcsetattr(fd: Fd, when: i32, attributes: &Obj) -> PyResult<()> {
        let items = match attributes.downcast::<List>() {
            Some(list) if list.len() == 7 => list.to_vec(),
            _ => return Err(raise!(TypeError, "tcsetattr, arg 3: must be 7 element list")),
        };
        let mut mode = self::attributes(fd.0)?;
        mode.c_iflag = flag(&items[0])?;
        mode.c_oflag = flag(&items[1])?;
        mode.c_cflag = flag(&items[2])?;
        mode.c_lflag = flag(&items[3])?;
        let (ispeed, ospeed) = (flag(&items[4])?, flag(&items[5])?);
        let characters = match items[6].downcast::<List>() {
            Some(list) if list.len() == mode.c_cc.len() => list.to_vec(),
            _ => return Err(raise!(TypeError, "tcsetattr: attributes[6] must be {} element list", mode.c_cc.len())),
        };
        for (c, value) in mode.c_cc.iter_mut().zip(&characters) {
            *c = match value.downcast::<Bytes>() {
                Some(bytes) if bytes.len() == 1 => bytes.as_slice()[0],
                _ if int::is_int(value) => i64::from_arg(value)? as u8,
                _ => {
                    return Err(raise!(TypeError, "tcsetattr: elements of attributes must be characters or integers"));
                }
            };
        }
        // SAFETY: a valid structure.
        unsafe {
            if libc::cfsetispeed(&mut mode, ispeed) < 0 || libc::cfsetospeed(&mut mode, ospeed) < 0 {
                return Err(failed(&std::io::Error::last_os_error()));
            }
        }
        // SAFETY: a valid structure.
        run(|| unsafe { libc::tcsetattr(fd.0, when, &mode) })
    }

    /// Send a break: for a quarter to half a second if duration is 0.
    #[pyfunction]
    fn tcsendbreak(fd: Fd, duration: i32) -> PyResult<()> {
        // SAFETY: plain call.
        run(|| unsafe { libc::tcsendbreak(fd.0, duration) })
    }

    /// Wait until all output has been sent.
    #[pyfunction]
    fn tcdrain(fd: Fd) -> PyResult<()> {
        // SAFETY: plain call.
        run(|| unsafe { libc::tcdrain(fd.0) })
    }

    /// Throw away what waits: input (TCIFLUSH), output (TCOFLUSH) or both (TCIOFLUSH).
    #[pyfunction]
    fn tcflush(fd: Fd, queue: i32) -> PyResult<()> {
        // SAFETY: plain call.
        run(|| unsafe { libc::tcflush(fd.0, queue) })
    }

    /// Stop or go on with output (TCOOFF, TCOON) or input (TCIOFF, TCION).
    #[pyfunction]
    fn tcflow(fd: Fd, action: i32) -> PyResult<()> {
        // SAFETY: plain call.
        run(|| unsafe { libc::tcflow(fd.0, action) })
    }

    /// The size of the terminal's window: (rows, columns).
    #[pyfunction]
    fn tcgetwinsize(fd: Fd) -> PyResult<Obj> {
        let size = window_size(fd.0)?;
        Ok(Tuple::from_vec(vec![int::new(size.ws_row as i64), int::new(size.ws_col as i64)]).into())
    }

    fn window_size(fd: i32) -> PyResult<libc::winsize> {
        // SAFETY: a valid structure, filled by the call.
        unsafe {
            let mut size: libc::winsize = std::mem::zeroed();
            outcome(libc::ioctl(fd, libc::TIOCGWINSZ, &mut size) as i64).map_err(|e| failed(&e))?;
            Ok(size)
        }
    }

    /// Set the size of the terminal's window to (rows, columns).
    #[pyfunction]
    fn tcsetwinsize(fd: Fd, winsize: &Obj) -> PyResult<()> {
        let wrong = || raise!(TypeError, "tcsetwinsize, arg 2: must be a two-item sequence");
        let is_text = winsize.downcast::<Str>().is_some();
        if is_text || !sequence::is_sequence(winsize) || sequence::len(winsize)? != 2 {
            return Err(wrong());
        }
        let part = |i| -> PyResult<u16> {
            let n = i64::from_arg(&sequence::get(winsize, i)?)?;
            u16::try_from(n).map_err(|_| raise!(OverflowError, "winsize value(s) out of range."))
        };
        let (rows, columns) = (part(0)?, part(1)?);
        let mut size = window_size(fd.0)?;
        (size.ws_row, size.ws_col) = (rows, columns);
        // SAFETY: a valid structure.
        run(|| unsafe { libc::ioctl(fd.0, libc::TIOCSWINSZ, &size) })
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("error", error_class()?);
        add_constants(module, CONSTANTS);
        Ok(())
    }

    /// Linux's numbers.
    const CONSTANTS: &[(&str, i64)] = &[
        ("B0", 0),
        ("B1000000", 1000000),
        ("B110", 110),
        ("B115200", 115200),
        ("B1152000", 1152000),
        ("B1200", 1200),
        ("B134", 134),
        ("B14400", 14400),
        ("B150", 150),
        ("B1500000", 1500000),
        ("B1800", 1800),
        ("B19200", 19200),
        ("B200", 200),
        ("B2000000", 2000000),
        ("B230400", 230400),
        ("B2400", 2400),
        ("B2500000", 2500000),
        ("B28800", 28800),
        ("B300", 300),
        ("B3000000", 3000000),
        ("B3500000", 3500000),
        ("B38400", 38400),
        ("B4000000", 4000000),
        ("B460800", 460800),
        ("B4800", 4800),
        ("B50", 50),
        ("B500000", 500000),
        ("B57600", 57600),
        ("B576000", 576000),
        ("B600", 600),
        ("B7200", 7200),
        ("B75", 75),
        ("B76800", 76800),
        ("B921600", 921600),
        ("B9600", 9600),
        ("BRKINT", 2),
        ("BS0", 0),
        ("BS1", 8192),
        ("BSDLY", 8192),
        ("CBAUD", 4111),
        ("CBAUDEX", 4096),
        ("CDSUSP", 25),
        ("CEOF", 4),
        ("CEOL", 0),
        ("CEOT", 4),
        ("CERASE", 127),
        ("CFLUSH", 15),
        ("CIBAUD", 269418496),
        ("CINTR", 3),
        ("CKILL", 21),
        ("CLNEXT", 22),
        ("CLOCAL", 2048),
        ("CQUIT", 28),
        ("CR0", 0),
        ("CR1", 512),
        ("CR2", 1024),
        ("CR3", 1536),
        ("CRDLY", 1536),
        ("CREAD", 128),
        ("CRPRNT", 18),
        ("CRTSCTS", 2147483648),
        ("CS5", 0),
        ("CS6", 16),
        ("CS7", 32),
        ("CS8", 48),
        ("CSIZE", 48),
        ("CSTART", 17),
        ("CSTOP", 19),
        ("CSTOPB", 64),
        ("CSUSP", 26),
        ("CWERASE", 23),
        ("ECHO", 8),
        ("ECHOCTL", 512),
        ("ECHOE", 16),
        ("ECHOK", 32),
        ("ECHOKE", 2048),
        ("ECHONL", 64),
        ("ECHOPRT", 1024),
        ("EXTA", 19200),
        ("EXTB", 38400),
        ("EXTPROC", 65536),
        ("FF0", 0),
        ("FF1", 32768),
        ("FFDLY", 32768),
        ("FIOASYNC", 21586),
        ("FIOCLEX", 21585),
        ("FIONBIO", 21537),
        ("FIONCLEX", 21584),
        ("FIONREAD", 21531),
        ("FLUSHO", 4096),
        ("HUPCL", 1024),
        ("IBSHIFT", 16),
        ("ICANON", 2),
        ("ICRNL", 256),
        ("IEXTEN", 32768),
        ("IGNBRK", 1),
        ("IGNCR", 128),
        ("IGNPAR", 4),
        ("IMAXBEL", 8192),
        ("INLCR", 64),
        ("INPCK", 16),
        ("IOCSIZE_MASK", 1073676288),
        ("IOCSIZE_SHIFT", 16),
        ("ISIG", 1),
        ("ISTRIP", 32),
        ("IUCLC", 512),
        ("IUTF8", 16384),
        ("IXANY", 2048),
        ("IXOFF", 4096),
        ("IXON", 1024),
        ("NCCS", 32),
        ("NL0", 0),
        ("NL1", 256),
        ("NLDLY", 256),
        ("NOFLSH", 128),
        ("N_MOUSE", 2),
        ("N_PPP", 3),
        ("N_SLIP", 1),
        ("N_STRIP", 4),
        ("N_TTY", 0),
        ("OCRNL", 8),
        ("OFDEL", 128),
        ("OFILL", 64),
        ("OLCUC", 2),
        ("ONLCR", 4),
        ("ONLRET", 32),
        ("ONOCR", 16),
        ("OPOST", 1),
        ("PARENB", 256),
        ("PARMRK", 8),
        ("PARODD", 512),
        ("PENDIN", 16384),
        ("TAB0", 0),
        ("TAB1", 2048),
        ("TAB2", 4096),
        ("TAB3", 6144),
        ("TABDLY", 6144),
        ("TCFLSH", 21515),
        ("TCGETS", 21505),
        ("TCIFLUSH", 0),
        ("TCIOFF", 2),
        ("TCIOFLUSH", 2),
        ("TCION", 3),
        ("TCOFLUSH", 1),
        ("TCOOFF", 0),
        ("TCOON", 1),
        ("TCSADRAIN", 1),
        ("TCSAFLUSH", 2),
        ("TCSANOW", 0),
        ("TCSBRK", 21513),
        ("TCSBRKP", 21541),
        ("TCSETS", 21506),
        ("TCSETSF", 21508),
        ("TCSETSW", 21507),
        ("TCXONC", 21514),
        ("TIOCCONS", 21533),
        ("TIOCEXCL", 21516),
        ("TIOCGETD", 21540),
        ("TIOCGICOUNT", 21597),
        ("TIOCGLCKTRMIOS", 21590),
        ("TIOCGPGRP", 21519),
        ("TIOCGSERIAL", 21534),
        ("TIOCGSOFTCAR", 21529),
        ("TIOCGWINSZ", 21523),
        ("TIOCINQ", 21531),
        ("TIOCLINUX", 21532),
        ("TIOCMBIC", 21527),
        ("TIOCMBIS", 21526),
        ("TIOCMGET", 21525),
        ("TIOCMIWAIT", 21596),
        ("TIOCMSET", 21528),
        ("TIOCM_CAR", 64),
        ("TIOCM_CD", 64),
        ("TIOCM_CTS", 32),
        ("TIOCM_DSR", 256),
        ("TIOCM_DTR", 2),
        ("TIOCM_LE", 1),
        ("TIOCM_RI", 128),
        ("TIOCM_RNG", 128),
        ("TIOCM_RTS", 4),
        ("TIOCM_SR", 16),
        ("TIOCM_ST", 8),
        ("TIOCNOTTY", 21538),
        ("TIOCNXCL", 21517),
        ("TIOCOUTQ", 21521),
        ("TIOCPKT", 21536),
        ("TIOCPKT_DATA", 0),
        ("TIOCPKT_DOSTOP", 32),
        ("TIOCPKT_FLUSHREAD", 1),
        ("TIOCPKT_FLUSHWRITE", 2),
        ("TIOCPKT_NOSTOP", 16),
        ("TIOCPKT_START", 8),
        ("TIOCPKT_STOP", 4),
        ("TIOCSCTTY", 21518),
        ("TIOCSERCONFIG", 21587),
        ("TIOCSERGETLSR", 21593),
        ("TIOCSERGETMULTI", 21594),
        ("TIOCSERGSTRUCT", 21592),
        ("TIOCSERGWILD", 21588),
        ("TIOCSERSETMULTI", 21595),
        ("TIOCSERSWILD", 21589),
        ("TIOCSER_TEMT", 1),
        ("TIOCSETD", 21539),
        ("TIOCSLCKTRMIOS", 21591),
        ("TIOCSPGRP", 21520),
        ("TIOCSSERIAL", 21535),
        ("TIOCSSOFTCAR", 21530),
        ("TIOCSTI", 21522),
        ("TIOCSWINSZ", 21524),
        ("TOSTOP", 256),
        ("VDISCARD", 13),
        ("VEOF", 4),
        ("VEOL", 11),
        ("VEOL2", 16),
        ("VERASE", 2),
        ("VINTR", 0),
        ("VKILL", 3),
        ("VLNEXT", 15),
        ("VMIN", 6),
        ("VQUIT", 1),
        ("VREPRINT", 12),
        ("VSTART", 8),
        ("VSTOP", 9),
        ("VSUSP", 10),
        ("VSWTC", 7),
        ("VSWTCH", 7),
        ("VT0", 0),
        ("VT1", 16384),
        ("VTDLY", 16384),
        ("VTIME", 5),
        ("VWERASE", 14),
        ("XCASE", 4),
        ("XTABS", 6144),
        ("_POSIX_VDISABLE", 0),
    ];
}
