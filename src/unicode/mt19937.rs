//! The Mersenne twister MT19937 as the `random` module drives it.

const N: usize = 624;
const M: usize = 397;

/// The generator's state.
#[derive(Clone)]
pub struct Mt19937 {
    state: [u32; N],
    index: usize,
}

impl Mt19937 {
    /// Seeds from 32-bit words, least significant first (`random.seed` of a non-negative int; one
    /// zero word for 0).
    pub fn from_key(key: &[u32]) -> Self {
        let mut this = Self::from_word(19650218);
        let key = if key.is_empty() { &[0][..] } else { key };
        let (mut i, mut j) = (1, 0);
        for _ in 0..N.max(key.len()) {
            let mixed = this.mixed_previous(i).wrapping_mul(1664525);
            let offset = u32::try_from(j).unwrap_or(0);
            this.state[i] = (this.state[i] ^ mixed).wrapping_add(key[j]).wrapping_add(offset);
            i = this.advance(i);
            j = (j + 1) % key.len();
        }
        for _ in 1..N {
            let mixed = this.mixed_previous(i).wrapping_mul(1566083941);
            let offset = u32::try_from(i).unwrap_or(0);
            this.state[i] = (this.state[i] ^ mixed).wrapping_sub(offset);
            i = this.advance(i);
        }
        this.state[0] = 0x8000_0000;
        this
    }

    fn from_word(seed: u32) -> Self {
        let mut state = [seed; N];
        for i in 1..N {
            let previous = state[i - 1];
            let mixed = (previous ^ previous >> 30).wrapping_mul(1812433253);
            state[i] = mixed.wrapping_add(u32::try_from(i).unwrap_or(0));
        }
        Self { state, index: N }
    }

    fn mixed_previous(&self, i: usize) -> u32 {
        let previous = self.state[i - 1];
        previous ^ previous >> 30
    }

    fn advance(&mut self, i: usize) -> usize {
        if i + 1 < N {
            return i + 1;
        }
        self.state[0] = self.state[N - 1];
        1
    }

    /// The words and the index, as `random.getstate` shows them.
    pub fn state(&self) -> (&[u32], usize) {
        (&self.state, self.index)
    }

    /// Rebuilds a generator; `None` unless there are 624 words and the index is at most 624.
    pub fn from_state(words: &[u32], index: usize) -> Option<Self> {
        let state = words.try_into().ok()?;
        (index <= N).then_some(Self { state, index })
    }

    /// The next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.index >= N {
            self.refill();
        }
        let mut y = self.state[self.index];
        self.index += 1;
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c_5680;
        y ^= y << 15 & 0xefc6_0000;
        y ^ y >> 18
    }

    fn refill(&mut self) {
        for i in 0..N {
            let y = self.state[i] & 0x8000_0000 | self.state[(i + 1) % N] & 0x7fff_ffff;
            let twist = if y & 1 == 0 { 0 } else { 0x9908_b0df };
            self.state[i] = self.state[(i + M) % N] ^ y >> 1 ^ twist;
        }
        self.index = 0;
    }

    /// `random.random()`: 53 bits in [0, 1).
    pub fn random(&mut self) -> f64 {
        let high = f64::from(self.next_u32() >> 5);
        let low = f64::from(self.next_u32() >> 6);
        (high * 67108864.0 + low) * (1.0 / 9007199254740992.0)
    }

    /// `random.getrandbits(bits)` as 32-bit words, least significant first.
    pub fn bits(&mut self, bits: u64) -> Vec<u32> {
        let words = bits.div_ceil(32);
        (0..words)
            .map(|word| {
                let left = bits - word * 32;
                let value = self.next_u32();
                if left < 32 { value >> (32 - left) } else { value }
            })
            .collect()
    }

    /// `random.getrandbits(bits)` for at most 64 bits.
    pub fn small_bits(&mut self, bits: u32) -> u64 {
        match bits {
            0 => 0,
            1..=32 => u64::from(self.next_u32() >> (32 - bits)),
            _ => {
                let low = u64::from(self.next_u32());
                low | u64::from(self.next_u32() >> (64 - bits.min(64))) << 32
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_of_cpython() {
        let mut generator = Mt19937::from_key(&[42]);
        assert_eq!(generator.random(), 0.6394267984578837);
        assert_eq!(generator.random(), 0.025010755222666936);
        let mut generator = Mt19937::from_key(&[0]);
        assert_eq!(generator.small_bits(64), 7106521602475165645);
        let mut generator = Mt19937::from_key(&[1]);
        assert_eq!(generator.bits(40), [577090037, 145]);
    }
}
