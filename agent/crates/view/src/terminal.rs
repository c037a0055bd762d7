//! What a terminal, or the eye, takes for something else than text.

/// Whether a terminal does something else with a character than show it: controls, which move the cursor, clear the screen
/// and more (C0, DEL and C1), other ends of lines, and the marks that change the direction of the text around them (UAX #9).
#[must_use]
pub fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
