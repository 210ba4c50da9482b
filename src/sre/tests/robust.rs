//! Damaged code is refused or harmless, interrupts are heard, long subjects need no native stack.

use pyrs_sre::{MatchError, Matcher, Pattern, STD_TABLES};

/// `(ab|ba)*`
const ALTERNATIVES: [u32; 31] = [
    14,
    4,
    0,
    0,
    u32::MAX,
    23,
    23,
    0,
    u32::MAX,
    17,
    0,
    7,
    7,
    16,
    97,
    16,
    98,
    15,
    9,
    7,
    16,
    98,
    16,
    97,
    15,
    2,
    0,
    17,
    1,
    18,
    1,
];
/// `(?:x+x+)+y`
const EXPONENTIAL: [u32; 27] = [
    14,
    4,
    0,
    3,
    u32::MAX,
    23,
    17,
    1,
    u32::MAX,
    24,
    6,
    1,
    u32::MAX,
    16,
    120,
    1,
    24,
    6,
    1,
    u32::MAX,
    16,
    120,
    1,
    18,
    16,
    121,
    1,
];

#[test]
fn ten_megabytes_of_alternatives() {
    let pattern = Pattern::new(ALTERNATIVES, 1, 0, &STD_TABLES).expect("valid code");
    let subject = b"ab".repeat(5 << 20);
    let mut matcher = Matcher::new(&pattern, &subject);
    assert_eq!(matcher.fullmatch(0, subject.len()), Ok(true));
    assert_eq!(matcher.span(1), Some((subject.len() - 2, subject.len())));
    assert_eq!(matcher.lastindex(), Some(1));
}

#[test]
fn the_hook_ends_a_hopeless_match() {
    let pattern = Pattern::new(EXPONENTIAL, 0, 0, &STD_TABLES).expect("valid code");
    let subject = [120_u16; 60];
    let mut calls = 0;
    let mut hook = || {
        calls += 1;
        calls == 10
    };
    let mut matcher = Matcher::new(&pattern, &subject);
    matcher.set_interrupt_hook(&mut hook);
    assert_eq!(matcher.search(0, 60), Err(MatchError::Interrupted));
    assert_eq!(calls, 10);
}

#[test]
fn damaged_code_is_harmless() {
    let text = include_str!("../testdata/cases.txt");
    let subject: Vec<u32> = "aab bA1_\n\u{3a9}x".chars().map(u32::from).collect();
    let mut seed = 314_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let mut survivors = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("P ")) {
        let mut fields = line.split(' ');
        let groups = fields.next().and_then(|field| field.parse().ok()).expect("groups");
        let code: Vec<u32> = fields.skip(1).map(|word| u32::from_str_radix(word, 16).expect("hexadecimal")).collect();
        for _ in 0..40 {
            let mut damaged = code.clone();
            for _ in 0..=random(2) {
                let at = random(damaged.len());
                damaged[at] = if random(8) == 0 { u32::MAX } else { random(50) as u32 };
            }
            damaged.truncate(damaged.len() - random(8) / 7);
            if let Ok(pattern) = Pattern::new(damaged, groups, 0, &STD_TABLES) {
                survivors += 1;
                let mut calls = 0;
                let mut hook = || {
                    calls += 1;
                    calls > 4
                };
                let mut matcher = Matcher::new(&pattern, &subject);
                matcher.set_interrupt_hook(&mut hook);
                let _ = matcher.search(0, subject.len());
                let _ = matcher.fullmatch(2, subject.len());
                let _ = matcher.match_at(5, 3);
            }
        }
    }
    assert!(survivors > 1000);
}
