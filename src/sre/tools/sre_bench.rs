//! Times the engine on the patterns that `bench_cases.py` wrote, beside the times that it measured.

use std::time::Instant;

use pyrs_sre::{Matcher, Pattern, STD_TABLES};

fn count_matches(pattern: &Pattern, subject: &[u8]) -> usize {
    let mut matcher = Matcher::new(pattern, subject);
    let (mut at, mut count, mut must_advance) = (0, 0, false);
    while at <= subject.len() {
        matcher.set_must_advance(must_advance);
        if !matcher.search(at, subject.len()).expect("no interrupt") {
            break;
        }
        count += 1;
        at = matcher.position();
        must_advance = matcher.span(0) == Some((at, at));
    }
    count
}

fn main() {
    let path = std::env::args().nth(1).expect("the file that bench_cases.py wrote");
    let text = std::fs::read_to_string(path).expect("a readable file");
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let python: f64 = fields[1].parse().expect("seconds");
        let code: Vec<u32> = fields[4].split(' ').map(|word| word.parse().expect("a word")).collect();
        let hex = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
        let subject: Vec<u8> = fields[5].as_bytes().chunks(2).map(hex).collect();
        let groups = fields[3].parse().expect("groups");
        let pattern = Pattern::new(code, groups, 0, &STD_TABLES).expect("valid code");
        let mut best = f64::MAX;
        for _ in 0..3 {
            let start = Instant::now();
            let count = count_matches(&pattern, &subject);
            best = best.min(start.elapsed().as_secs_f64());
            assert_eq!(count.to_string(), fields[2], "{}", fields[0]);
        }
        println!("{:52} {:9.3} ms  python {:9.3} ms  {:6.2}x", fields[0], best * 1e3, python * 1e3, python / best);
    }
}
