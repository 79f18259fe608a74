//! The result of a run: figures with keys for programs and words for people.

use serde_json::{Map, Number, Value};
use std::fmt::Write;

struct Figure {
    key: &'static str,
    words: &'static str,
    value: Value,
}

/// Figures in the order in which they were added.
#[derive(Default)]
pub struct Report {
    figures: Vec<Figure>,
    remarks: Vec<String>,
}

impl Report {
    /// Add a figure. The key ends in its unit.
    pub fn add(&mut self, key: &'static str, words: &'static str, value: impl Into<Value>) {
        self.figures.push(Figure { key, words, value: value.into() });
    }

    /// Add a fraction, rounded to some decimals; a value that is not finite was not measured.
    pub fn measure(&mut self, key: &'static str, words: &'static str, value: f64, decimals: i32) {
        let scale = 10f64.powi(decimals);
        let rounded = (value * scale).round() / scale;
        match Number::from_f64(rounded) {
            None => self.add(key, words, Value::Null),
            Some(_) if decimals == 0 => self.add(key, words, rounded as i64),
            Some(number) => self.add(key, words, number),
        }
    }

    /// Add a sentence that helps to interpret the figures.
    pub fn remark(&mut self, remark: impl Into<String>) {
        self.remarks.push(remark.into());
    }

    /// Return one line of JSON.
    pub fn json(&self) -> String {
        let mut object: Map<String, Value> =
            self.figures.iter().map(|each| (each.key.to_owned(), each.value.clone())).collect();
        object.insert("remarks".to_owned(), self.remarks.clone().into());
        Value::Object(object).to_string()
    }

    /// Return one line for each figure.
    pub fn table(&self) -> String {
        let width = self.figures.iter().map(|each| each.words.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for Figure { words, value, .. } in &self.figures {
            let value = match value {
                Value::Null => "not measured".to_owned(),
                Value::String(text) => text.clone(),
                Value::Number(number) => grouped(&number.to_string()),
                other => other.to_string(),
            };
            let _ = writeln!(text, "{words:width$}  {value}");
        }
        for remark in &self.remarks {
            let _ = writeln!(text, "({remark})");
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// Return a number with its thousands separated.
fn grouped(number: &str) -> String {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut text = String::from(sign);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    if !fraction.is_empty() && fraction != "0" {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        report.add("scenario", "scenario", "play");
        report.add("sent", "messages sent", 1_234_567);
        report.measure("server_busy", "server's core busy", 0.123_456, 2);
        report.measure("joins_per_s", "joins/s", 1499.7, 0);
        report.measure("p99_us", "latency", f64::NAN, 0);
        report.remark("a remark");
        report
    }

    #[test]
    fn programs_get_one_line_with_units() {
        assert_eq!(
            report().json(),
            r#"{"scenario":"play","sent":1234567,"server_busy":0.12,"joins_per_s":1500,"p99_us":null,"remarks":["a remark"]}"#
        );
    }

    #[test]
    fn people_get_a_table() {
        let expected = "scenario            play\n\
                        messages sent       1 234 567\n\
                        server's core busy  0.12\n\
                        joins/s             1 500\n\
                        latency             not measured\n\
                        (a remark)";
        assert_eq!(report().table(), expected);
    }

    #[test]
    fn thousands_are_separated() {
        for (number, text) in [("7", "7"), ("-1234.5", "-1 234.5"), ("123", "123"), ("9.0", "9")] {
            assert_eq!(grouped(number), text);
        }
    }
}
