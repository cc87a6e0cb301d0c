//! The slider for the pace of a job. The script joins it to the field of the form, which alone is sent.

use serde_json::Number;

/// The paces of its steps, in memories a second. The step after the last is no limit.
const STEPS: [u32; 19] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000,
];

/// The slider.
pub(super) struct Slider {
    /// The paces of the steps, with spaces between them.
    pub(super) steps: String,
    /// The number of the step without a limit.
    pub(super) most: usize,
    /// The number of the step that is nearest to the pace from above.
    pub(super) at: usize,
    /// The pace in words: the number of a step says nothing.
    pub(super) says: String,
}

impl Slider {
    /// Returns the slider at a pace.
    pub(super) fn of(pace: Option<&Number>) -> Self {
        let per_second = pace.and_then(Number::as_f64);
        let at = per_second.map_or(STEPS.len(), |pace| {
            let below = STEPS.iter().filter(|step| f64::from(**step) < pace).count();
            below.min(STEPS.len() - 1)
        });
        Self {
            steps: STEPS.map(|step| step.to_string()).join(" "),
            most: STEPS.len(),
            at,
            says: pace.map_or_else(|| "no limit".to_owned(), |pace| format!("{pace} a second")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_at_its_step_or_the_next_one() {
        for (pace, at, says) in [
            (0.5, 0, "0.5 a second"),
            (1.0, 0, "1.0 a second"),
            (7.5, 3, "7.5 a second"),
            (1e6, 18, "1000000.0 a second"),
            (4e9, 18, "4000000000.0 a second"),
        ] {
            let slider = Slider::of(Number::from_f64(pace).as_ref());
            assert_eq!((slider.at, slider.says.as_str()), (at, says));
        }
        let slider = Slider::of(None);
        assert_eq!((slider.at, slider.most, slider.says.as_str()), (19, 19, "no limit"));
        assert!(slider.steps.starts_with("1 2 5 10 ") && slider.steps.ends_with(" 1000000"));
    }
}
