//! Compares the engine with the recorded answers of CPython 3.14, over every width that fits.
//!
//! `tools/make_cases.py` writes the file and describes its format; `PYRS_SRE_CASES` names another file.

use pyrs_sre::{CodeUnit, Matcher, Pattern, STD_TABLES};

fn words(text: &str) -> Vec<u32> {
    text.split(' ').map(|word| u32::from_str_radix(word, 16).expect("hexadecimal")).collect()
}

fn subject(text: &str) -> Vec<u32> {
    let mut units = Vec::new();
    for run in text.split('.').filter(|run| !run.is_empty()) {
        let (code, times) = run.split_once('*').unwrap_or((run, "1"));
        let code = u32::from_str_radix(code, 16).expect("a code point");
        units.extend(std::iter::repeat_n(code, times.parse().expect("a count")));
    }
    units
}

fn describe<T: CodeUnit>(matcher: &Matcher<'_, '_, T>, groups: u32) -> String {
    let mut text = matcher.lastindex().unwrap_or(0).to_string();
    for group in 0..=groups as usize {
        match matcher.span(group) {
            Some((start, end)) => text += &format!(" {start}-{end}"),
            None => text += " -",
        }
    }
    text
}

fn find_all<T: CodeUnit>(matcher: &mut Matcher<'_, '_, T>, start: usize, end: usize, groups: u32) -> String {
    let mut found = Vec::new();
    let mut at = start;
    let mut must_advance = false;
    while at <= end {
        matcher.set_must_advance(must_advance);
        if !matcher.search(at, end).expect("no interrupt") {
            break;
        }
        found.push(describe(matcher, groups));
        at = matcher.position();
        must_advance = matcher.span(0).is_some_and(|(start, end)| start == end);
    }
    if found.is_empty() { "!".into() } else { found.join(" | ") }
}

fn answer<T: CodeUnit>(pattern: &Pattern, query: &Query, subject: &[T]) -> String {
    let mut matcher = Matcher::new(pattern, subject);
    let (start, end) = (query.start, query.end);
    let matched = match query.mode {
        "i" => return find_all(&mut matcher, start, end, pattern.groups()),
        "s" => matcher.search(start, end),
        "m" => matcher.match_at(start, end),
        _ => matcher.fullmatch(start, end),
    };
    if matched.expect("no interrupt") { describe(&matcher, pattern.groups()) } else { "!".into() }
}

struct Query<'l> {
    mode: &'l str,
    start: usize,
    end: usize,
}

fn narrow<T: CodeUnit>(units: &[u32]) -> Option<Vec<T>> {
    units.iter().map(|&unit| T::from_code(unit)).collect()
}

fn check(pattern: &Pattern, line: &str) -> Result<u32, String> {
    let (question, expected) = line.split_once(" = ").expect("an answer");
    let mut parts = question.split(' ');
    let mut part = || parts.next().expect("a field");
    let mode = part();
    let query = Query { mode, start: part().parse().expect("pos"), end: part().parse().expect("endpos") };
    let units = subject(part());
    let mut answers = vec![answer(pattern, &query, &units)];
    answers.extend(narrow::<u16>(&units).map(|narrow| answer(pattern, &query, &narrow)));
    answers.extend(narrow::<u8>(&units).map(|narrow| answer(pattern, &query, &narrow)));
    match answers.iter().find(|answer| *answer != expected) {
        Some(wrong) => Err(format!("{question}\n  expected {expected}\n  got      {wrong}")),
        None => Ok(answers.len() as u32),
    }
}

#[test]
fn answers_are_those_of_cpython() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cases.txt");
    let path = std::env::var("PYRS_SRE_CASES").unwrap_or_else(|_| default.into());
    let text = std::fs::read_to_string(&path).expect("the file of cases");
    let mut pattern = None;
    let mut code_line = "";
    let (mut checked, mut wrong) = (0, Vec::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("P ") {
            code_line = rest;
            let mut fields = rest.splitn(3, ' ');
            let groups = fields.next().and_then(|field| field.parse().ok()).expect("groups");
            let flags = u32::from_str_radix(fields.next().expect("flags"), 16).expect("flags");
            let code = words(fields.next().expect("code"));
            match Pattern::new(code, groups, flags, &STD_TABLES) {
                Ok(valid) => pattern = Some(valid),
                Err(error) => panic!("rejected at {}: {rest}", error.offset),
            }
            continue;
        }
        match check(pattern.as_ref().expect("a pattern first"), line) {
            Ok(count) => checked += count,
            Err(message) => wrong.push(format!("{code_line}\n  {message}")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong, {checked} right:\n{}", wrong.len(), wrong[..wrong.len().min(8)].join("\n"));
    assert!(checked > 1000);
}
