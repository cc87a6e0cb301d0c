//! Refused settings of receipts and deadlines, and the regimes that a configuration has.

use super::*;

#[test]
fn receipts_and_deadlines_without_sense_are_refused() {
    for (text, key) in [
        ("[retention]\nreceipts = \"24h\"", "retention.receipts"),
        ("[receipts]\nissuer = \"https://lethe.example.com\"", "receipts.issuer"),
        ("[receipts]\norigin = \"a b\"", "receipts.origin"),
        ("[receipts]\norigin = \"a+b\"", "receipts.origin"),
        ("[receipts]\npace = \"10ms\"", "receipts.pace"),
        ("[deadlines]\ndefault = \"contract\"", "deadlines.default"),
        ("[deadlines]\nsoon = \"400d\"", "deadlines.soon"),
        (
            "[[deadlines.regime]]\nname = \"gdpr\"\nwithin = \"1mo\"",
            "deadlines.regime[0].name",
        ),
        (
            "[[deadlines.regime]]\nname = \"none\"\nwithin = \"1mo\"",
            "deadlines.regime[0].name",
        ),
        (
            "[[deadlines.regime]]\nname = \"a b\"\nwithin = \"1mo\"",
            "deadlines.regime[0].name",
        ),
        (
            "[[deadlines.regime]]\nname = \"own\"\nwithin = \"0d\"",
            "deadlines.regime[0].within",
        ),
    ] {
        let errors = refused(text);
        assert!(
            errors.iter().any(|e| e.starts_with(&format!("{key}: "))),
            "{text}\n{errors:?}"
        );
    }
    for (text, says) in [
        ("[deadlines]\nsoon = \"28d\"", "less than 28d: the regime `gdpr`"),
        (
            "[[deadlines.regime]]\nname = \"own\"\nwithin = \"7d\"",
            "less than 7d: the regime `own`",
        ),
    ] {
        let errors = refused(text);
        assert!(
            errors[0].starts_with("deadlines.soon: ") && errors[0].contains(says),
            "{errors:?}"
        );
    }
    let hours = refused("[[deadlines.regime]]\nname = \"own\"\nwithin = \"36h\"");
    assert!(hours[0].contains("write a number of months or days"), "{hours:?}");
}

#[test]
fn a_configuration_has_the_known_regimes_and_its_own() {
    let text = "[deadlines]\ndefault = \"own\"\n[[deadlines.regime]]\nname = \"own\"\nwithin = \"1mo 5d\"";
    let deadlines = Config::from_toml(text).unwrap().deadlines;
    assert_eq!(deadlines.names().collect::<Vec<_>>(), ["gdpr", "ccpa", "own"]);
    let own = deadlines.regime("own").unwrap();
    assert!(!own.within.is_zero() && own.extension.is_zero());
    assert!(deadlines.regime("none").is_none() && deadlines.regime("hipaa").is_none());
    for good in [
        "[deadlines]\ndefault = \"none\"",
        "[deadlines]\nsoon = \"27d\"",
        "[deadlines]\nsoon = \"6d\"\n[[deadlines.regime]]\nname = \"own\"\nwithin = \"7d\"",
    ] {
        assert!(Config::from_toml(good).is_ok(), "{good}");
    }
}

#[test]
fn the_log_is_called_by_its_issuer() {
    let named = |text: &str| Config::from_toml(text).unwrap().receipts;
    assert_eq!(named("").issuer(), "lethe.invalid");
    let receipts = named("[receipts]\nissuer = \"lethe.example.com\"");
    assert_eq!(receipts.origin(), "lethe.example.com/log");
    assert_eq!(
        named("[receipts]\norigin = \"log.example.com\"").origin(),
        "log.example.com"
    );
}
