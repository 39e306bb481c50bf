//! Names in letters of any language, as DNS knows them: RFC 3492, with the parameters of its section 5.

/// The letters of `label` in ASCII, without the `xn--` that goes before them; `None` when there are too many.
pub(super) fn encode(label: &str) -> Option<String> {
    let letters: Vec<u32> = label.chars().map(u32::from).collect();
    let mut encoded: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(encoded.len()).ok()?;
    if basic > 0 {
        encoded.push('-');
    }
    let mut done = basic;
    let (mut code, mut delta, mut bias) = (INITIAL_CODE, 0u32, INITIAL_BIAS);
    while (done as usize) < letters.len() {
        // All letters below `code` are placed; the next higher one goes in wherever it stands.
        let next = letters.iter().copied().filter(|&c| c >= code).min()?;
        delta = delta.checked_add((next - code).checked_mul(done + 1)?)?;
        code = next;
        for &letter in &letters {
            if letter < code {
                delta = delta.checked_add(1)?;
            }
            if letter == code {
                push_number(&mut encoded, delta, bias);
                bias = adapted(delta, done + 1, done == basic);
                delta = 0;
                done += 1;
            }
        }
        delta = delta.checked_add(1)?;
        code += 1;
    }
    Some(encoded)
}

/// Appends `number` in digits whose weights depend on `bias` (3.3).
fn push_number(out: &mut String, mut number: u32, bias: u32) {
    let mut position = BASE;
    loop {
        let threshold = position.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if number < threshold {
            out.push(digit(number));
            return;
        }
        out.push(digit(threshold + (number - threshold) % (BASE - threshold)));
        number = (number - threshold) / (BASE - threshold);
        position += BASE;
    }
}

/// The bias for the next number (3.4).
fn adapted(delta: u32, letters: u32, is_first: bool) -> u32 {
    let mut delta = delta / if is_first { DAMP } else { 2 };
    delta += delta / letters;
    let mut position = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        position += BASE;
    }
    position + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

/// 0 to 25 are `a` to `z`, 26 to 35 are `0` to `9`.
fn digit(value: u32) -> char {
    char::from_digit((value + 10) % BASE, BASE).unwrap_or('0')
}

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const INITIAL_BIAS: u32 = 72;
const INITIAL_CODE: u32 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    /// The samples of RFC 3492, 7.1, and names in use.
    #[test]
    fn names_are_encoded_as_the_rfc_has_them() {
        for (name, encoded) in [
            ("münchen", "mnchen-3ya"),
            ("bücher", "bcher-kva"),
            ("例え", "r8jz45g"),
            ("他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye"),
            (
                "почемужеонинеговорятпорусски",
                "b1abfaaepdrnnbgefbadotcwatmq2g4l",
            ),
            ("3年b組金八先生", "3b-ww4c5e180e575a65lsy2b"),
            ("パフィーdeルンバ", "de-jg4avhby1noc0d"),
            ("そのスピードで", "d9juau41awczczp"),
        ] {
            assert_eq!(encode(name).as_deref(), Some(encoded), "{name}");
        }
    }

    #[test]
    fn letters_of_any_kind_and_number_end_in_an_answer() {
        let highest = "\u{10FFFF}".repeat(200);
        assert!(encode(&highest).is_some());
        let mixed: String = (0..4_000)
            .filter_map(|n| char::from_u32(0x80 + n * 277))
            .collect();
        let _ = encode(&mixed);
    }
}
