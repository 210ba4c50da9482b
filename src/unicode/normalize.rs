//! Unicode normalization: NFC, NFD, NFKC and NFKD.

use crate::properties::{combining, decomposition, record};
use crate::tables;
use crate::text::{CodeUnit, code_points};

/// A normalization form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Canonical composition.
    Nfc,
    /// Canonical decomposition.
    Nfd,
    /// Compatibility composition.
    Nfkc,
    /// Compatibility decomposition.
    Nfkd,
}

impl Form {
    /// The form with this name (`"NFC"` ...).
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "NFC" => Some(Self::Nfc),
            "NFD" => Some(Self::Nfd),
            "NFKC" => Some(Self::Nfkc),
            "NFKD" => Some(Self::Nfkd),
            _ => None,
        }
    }

    fn is_compatible(self) -> bool {
        matches!(self, Self::Nfkc | Self::Nfkd)
    }

    fn is_composed(self) -> bool {
        matches!(self, Self::Nfc | Self::Nfkc)
    }

    /// The flag of characters that need work, or may.
    fn suspicious(self) -> u32 {
        match self {
            Self::Nfc => tables::NFC_NOT_YES,
            Self::Nfd => tables::CANONICAL_DECOMPOSITION,
            Self::Nfkc => tables::NFKC_NOT_YES,
            Self::Nfkd => tables::ANY_DECOMPOSITION,
        }
    }
}

const S_BASE: u32 = 0xac00;
const L_BASE: u32 = 0x1100;
const V_BASE: u32 = 0x1161;
const T_BASE: u32 = 0x11a7;
const L_COUNT: u32 = 19;
const V_COUNT: u32 = 21;
const T_COUNT: u32 = 28;
const S_COUNT: u32 = L_COUNT * V_COUNT * T_COUNT;

/// True if the text certainly is normalized; false means that it has to be normalized to know.
pub fn quick_check<U: CodeUnit>(text: &[U], form: Form) -> bool {
    let suspicious = form.suspicious();
    let mut last_class = 0;
    for code in code_points(text) {
        let record = record(code);
        if record.flags & suspicious != 0 {
            return false;
        }
        if record.combining != 0 && record.combining < last_class {
            return false;
        }
        last_class = record.combining;
    }
    true
}

/// `unicodedata.is_normalized`
pub fn is_normalized<U: CodeUnit>(text: &[U], form: Form) -> bool {
    quick_check(text, form) || normalize(text, form).iter().copied().eq(code_points(text))
}

/// `unicodedata.normalize`
pub fn normalize<U: CodeUnit>(text: &[U], form: Form) -> Vec<u32> {
    if quick_check(text, form) {
        return code_points(text).collect();
    }
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    for code in code_points(text) {
        decompose(code, form.is_compatible(), &mut out);
    }
    order(&mut out);
    if form.is_composed() {
        compose(&mut out);
    }
    out
}

/// `unicodedata.decomposition`: the tag, if any, and the code points in hexadecimal.
pub fn decomposition_text(code: u32) -> String {
    let mut parts: Vec<String> = Vec::new();
    if let Some((tag, points)) = decomposition(code) {
        if !tag.is_empty() {
            parts.push(tag.to_owned());
        }
        parts.extend(points.iter().map(|point| format!("{point:04X}")));
    } else if (S_BASE..S_BASE + S_COUNT).contains(&code) {
        let mut points = Vec::with_capacity(3);
        decompose(code, false, &mut points);
        parts.extend(points.iter().map(|point| format!("{point:04X}")));
    }
    parts.join(" ")
}

/// Appends the full decomposition of `code`.
fn decompose(code: u32, compatible: bool, out: &mut Vec<u32>) {
    if let Some(index) = code.checked_sub(S_BASE).filter(|&index| index < S_COUNT) {
        out.push(L_BASE + index / (V_COUNT * T_COUNT));
        out.push(V_BASE + index / T_COUNT % V_COUNT);
        if index % T_COUNT != 0 {
            out.push(T_BASE + index % T_COUNT);
        }
        return;
    }
    match decomposition(code) {
        Some((tag, points)) if tag.is_empty() || compatible => {
            for &point in points {
                decompose(point, compatible, out);
            }
        }
        _ => out.push(code),
    }
}

/// Sorts each run of combining characters by class, keeping the order within a class.
fn order(text: &mut [u32]) {
    let mut start = 0;
    while start < text.len() {
        if combining(text[start]) == 0 {
            start += 1;
            continue;
        }
        let length = text[start..].iter().take_while(|&&code| combining(code) != 0).count();
        text[start..start + length].sort_by_key(|&code| combining(code));
        start += length;
    }
}

/// Composes decomposed text in place.
fn compose(text: &mut Vec<u32>) {
    let mut starter: Option<usize> = None;
    let mut last_class = 0;
    let mut kept = 0;
    for index in 0..text.len() {
        let code = text[index];
        let class = combining(code);
        if let Some(at) = starter {
            // Not blocked: adjacent to the starter, or of a higher class than what lies between.
            let adjacent = kept == at + 1;
            if (adjacent || (last_class != 0 && last_class < class))
                && let Some(composed) = compose_pair(text[at], code)
            {
                text[at] = composed;
                continue;
            }
        }
        if class == 0 {
            starter = Some(kept);
        }
        last_class = class;
        text[kept] = code;
        kept += 1;
    }
    text.truncate(kept);
}

fn compose_pair(first: u32, second: u32) -> Option<u32> {
    if let (Some(l), Some(v)) = (first.checked_sub(L_BASE), second.checked_sub(V_BASE))
        && l < L_COUNT
        && v < V_COUNT
    {
        return Some(S_BASE + (l * V_COUNT + v) * T_COUNT);
    }
    if let (Some(s), Some(t)) = (first.checked_sub(S_BASE), second.checked_sub(T_BASE))
        && s < S_COUNT
        && s % T_COUNT == 0
        && (1..T_COUNT).contains(&t)
    {
        return Some(first + t);
    }
    let found =
        tables::COMPOSITIONS.binary_search_by_key(&(first, second), |&(first, second, _)| (first, second)).ok()?;
    Some(tables::COMPOSITIONS[found].2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &str) -> Vec<u32> {
        text.chars().map(u32::from).collect()
    }

    #[test]
    fn forms() {
        assert_eq!(normalize(&points("é"), Form::Nfd), [0x65, 0x301]);
        assert_eq!(normalize(&[0x65u32, 0x301], Form::Nfc), points("é"));
        assert_eq!(normalize(&points("ﬁ²"), Form::Nfkc), points("fi2"));
        assert_eq!(normalize(&points("각"), Form::Nfd), [0x1100, 0x1161, 0x11a8]);
        assert_eq!(normalize(&[0x1100u32, 0x1161, 0x11a8], Form::Nfc), points("각"));
        assert_eq!(normalize(&[0x61u32, 0x315, 0x300], Form::Nfc), [0xe0, 0x315]);
        assert_eq!(normalize(&[0x61u32, 0x5ae, 0x5c4, 0x300], Form::Nfc), [0x61, 0x5ae, 0x5c4, 0x300]);
        assert!(is_normalized(&points("é"), Form::Nfc) && !is_normalized(&points("é"), Form::Nfd));
        assert_eq!(decomposition_text(u32::from('각')), "1100 1161 11A8");
        assert_eq!(decomposition_text(u32::from('²')), "<super> 0032");
    }
}
