//! Values for the tests of this layer and of messages.

use proptest::{collection::vec, prelude::*};

use super::Value;

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,12}", Just(String::new()), Just("x".repeat(70_000))]
}

/// Any value, few of them large.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    use proptest::num::f64;
    let number = f64::NORMAL | f64::ZERO | f64::INFINITE | f64::SUBNORMAL | f64::NEGATIVE;
    let date = (number, any::<i16>()).prop_map(|(unix_millis, time_zone)| Value::Date {
        unix_millis,
        time_zone,
    });
    let simple = prop_oneof![
        8 => number.prop_map(Value::Number),
        2 => any::<bool>().prop_map(Value::Boolean),
        2 => ".{0,12}".prop_map(Value::String),
        1 => Just(Value::Null),
        1 => Just(Value::Undefined),
        1 => Just(Value::Unsupported),
        1 => any_text().prop_map(Value::String),
        1 => any_text().prop_map(Value::Xml),
        1 => date,
    ];
    simple.prop_recursive(6, 40, 6, |value| {
        let properties = vec((".{0,6}", value.clone()), 0..6);
        prop_oneof![
            properties.clone().prop_map(Value::Object),
            properties.clone().prop_map(Value::EcmaArray),
            vec(value, 0..6).prop_map(Value::StrictArray),
            (".{0,6}", properties)
                .prop_map(|(class, properties)| Value::TypedObject { class, properties }),
        ]
    })
}
