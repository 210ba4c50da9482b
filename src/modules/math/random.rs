//! `_random`: the Mersenne Twister.

use num_bigint::{BigInt, Sign};
use num_traits::ToPrimitive;
use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call::Args;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{DataCell, Obj, Ptr};
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::{compare, number};
use pyrs_runtime::raise;
use pyrs_runtime::types::Type;
use pyrs_unicode::mt19937::Mt19937;

/// Words of the generator's state.
const STATE_WORDS: usize = 624;

/// Random() -> create a random number generator with its own internal state.
#[pyclass(name = "Random", module = "_random", nogc, flags = BASETYPE)]
pub struct Random {
    generator: DataCell<Mt19937>,
}

/// The generator for a seed: None asks the system, ints count by their magnitude, other objects by their hash.
fn seeded(seed: Option<&Obj>) -> PyResult<Mt19937> {
    let Some(seed) = seed.filter(|s| !s.is_none()) else {
        let mut key = [0u32; STATE_WORDS];
        let bytes = std::mem::size_of_val(&key);
        // SAFETY: the buffer has that many bytes, and any of them are fine.
        let filled = unsafe { libc::getrandom(key.as_mut_ptr().cast(), bytes, 0) };
        if filled != bytes as isize {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            key[0] ^= now.subsec_nanos();
            key[1] ^= now.as_secs() as u32;
            key[2] ^= std::process::id();
        }
        return Ok(Mt19937::from_key(&key));
    };
    let magnitude = match int::to_bigint(seed) {
        Some(n) => n.magnitude().clone(),
        None => (compare::hash(seed)? as u64).into(),
    };
    let mut key = magnitude.to_u32_digits();
    if key.is_empty() {
        key.push(0);
    }
    Ok(Mt19937::from_key(&key))
}

#[pymethods]
impl Random {
    #[new(text_signature = "")]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let seed = match args.positionals() {
            [] => None,
            [seed] => Some(seed),
            more => return Err(raise!(TypeError, "Random expected at most 1 argument, got {}", more.len())),
        };
        Ok(Ptr::new_in(cls, Random { generator: DataCell::new(seeded(seed)?) }).into_obj())
    }

    /// random() -> x in the interval [0, 1).
    #[pymethod]
    fn random(&self) -> f64 {
        self.generator.with(Mt19937::random)
    }

    /// seed([n]) -> None.
    ///
    /// Defaults to use urandom and falls back to a combination
    /// of the current time and the process identifier.
    #[pymethod(sig = "(n=None, /)")]
    fn seed(&self, n: Maybe<&Obj>) -> PyResult<()> {
        let generator = seeded(n.0)?;
        self.generator.replace(generator);
        Ok(())
    }

    /// getstate() -> tuple containing the current state.
    #[pymethod]
    fn getstate(&self) -> Obj {
        let state = self.generator.with(|g| {
            let (words, index) = g.state();
            let mut items: Vec<Obj> = words.iter().map(|&w| int::new(i64::from(w))).collect();
            items.push(int::new(index as i64));
            items
        });
        Tuple::from_vec(state).into_obj()
    }

    /// setstate(state) -> None.  Restores generator state.
    #[pymethod]
    fn setstate(&self, state: &Obj) -> PyResult<()> {
        let Some(items) = state.downcast::<Tuple>() else {
            return Err(raise!(TypeError, "state vector must be a tuple"));
        };
        if items.len() != STATE_WORDS + 1 {
            return Err(raise!(ValueError, "state vector is the wrong size"));
        }
        let word = |item: &Obj| -> PyResult<u64> {
            let index = number::index(item)?;
            let value = int::to_bigint(&index).unwrap_or_default();
            match (value.sign(), value.to_u64()) {
                (_, Some(word)) => Ok(word),
                (Sign::Minus, None) => Err(raise!(OverflowError, "can't convert negative value to unsigned int")),
                _ => Err(raise!(OverflowError, "Python int too large to convert to C unsigned long")),
            }
        };
        let words: Vec<u64> = items.items().iter().map(word).collect::<PyResult<_>>()?;
        let state: Vec<u32> = words[..STATE_WORDS].iter().map(|&w| w as u32).collect();
        let index = words[STATE_WORDS] as usize;
        match Mt19937::from_state(&state, index).filter(|_| index <= STATE_WORDS) {
            Some(generator) => {
                self.generator.replace(generator);
                Ok(())
            }
            None => Err(raise!(ValueError, "invalid state")),
        }
    }

    /// getrandbits(k) -> x.  Generates an int with k random bits.
    #[pymethod]
    fn getrandbits(&self, k: &Obj) -> PyResult<Obj> {
        let k = number::index(k)?;
        if number::is_negative(&k) {
            return Err(raise!(ValueError, "Cannot convert negative int"));
        }
        let Some(bits) = int::to_i64(&k).filter(|&k| k < 1 << 40) else {
            return Err(raise!(OverflowError, "number of bits is too large"));
        };
        Ok(match bits {
            0 => int::new(0),
            1..=64 => int::from_u64(self.generator.with(|g| g.small_bits(bits as u32))),
            _ => {
                let words = self.generator.with(|g| g.bits(bits as u64));
                int::from_bigint(BigInt::from_slice(Sign::Plus, &words))
            }
        })
    }
}

/// Module implements the Mersenne Twister random number generator.
#[pymodule(name = "_random", classes(super::Random))]
pub mod module {}
