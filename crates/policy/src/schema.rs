//! Our Cedar schema, generated from the words of `model`, so that a verb or a kind of resource is named in one place.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use model::{Category, DataClass, ResourceKind, Verb};

/// The schema in Cedar's own syntax, with these data classes.
#[must_use]
pub fn schema_text(classes: &BTreeSet<DataClass>) -> String {
    let mut text = String::from(HEAD);
    for kind in ResourceKind::ALL.iter().filter(|kind| **kind != ResourceKind::Target) {
        add(&mut text, format_args!("entity {} in [Target] {PART};\n", kind.as_str()));
    }
    let mut names: BTreeSet<&str> = BASE_CLASSES.into_iter().collect();
    names.extend(classes.iter().map(DataClass::as_str));
    let names: Vec<String> = names.into_iter().map(|name| format!("\"{name}\"")).collect();
    add(&mut text, format_args!("entity DataClass enum [{}];\n", names.join(", ")));
    let groups: Vec<String> = Category::ALL.iter().map(|category| format!("\"{category}\"")).collect();
    add(&mut text, format_args!("action {};\n", groups.join(", ")));
    for verb in Verb::ALL {
        let groups: Vec<String> = verb.categories().iter().map(|category| format!("\"{category}\"")).collect();
        let parents = if groups.is_empty() { String::new() } else { format!(" in [{}]", groups.join(", ")) };
        let kinds: Vec<&str> = resource_kinds(*verb).iter().map(|kind| kind.as_str()).collect();
        add(
            &mut text,
            format_args!(
                "action \"{verb}\"{parents} appliesTo {{ principal: [Person, Agent, Pipeline], resource: [{}], context: Act }};\n",
                kinds.join(", ")
            ),
        );
    }
    text.push_str(META);
    text
}

/// The kinds of resource that an operation can touch. What the classifier finds outside this is denied.
pub(crate) const fn resource_kinds(verb: Verb) -> &'static [ResourceKind] {
    use ResourceKind::{Function, Object, Principal, Role, Setting, Table, Target, Unresolved};
    match verb {
        Verb::Session | Verb::SqlHousekeep => &[Target],
        Verb::SqlSet | Verb::SqlShow => &[Target, Setting],
        Verb::SqlSelect
        | Verb::SqlSelectView
        | Verb::SqlSelectUnbounded
        | Verb::SqlExplain
        | Verb::SqlSelectLocking
        | Verb::SqlInsert
        | Verb::SqlUpdate
        | Verb::SqlUpdateUnbounded
        | Verb::SqlDelete
        | Verb::SqlDeleteUnbounded
        | Verb::SqlMerge
        | Verb::SqlTruncate
        | Verb::SqlCopyOut
        | Verb::SqlCopyIn
        | Verb::SqlLock => &[Target, Table, Unresolved],
        Verb::SqlCall => &[Target, Function, Object, Unresolved],
        // Triggers and rules stand on a table.
        Verb::SqlDefineCode => &[Target, Table, Function, Object, Unresolved],
        // A table that is made is no table yet.
        Verb::SqlCreateAs | Verb::SqlNotify | Verb::SqlListen | Verb::SqlServerFile => &[Target, Object],
        Verb::SqlDrop
        | Verb::SqlCreate
        | Verb::SqlAlter
        | Verb::SqlAlterDrop
        | Verb::SqlMaintain
        | Verb::SqlConfigure
        | Verb::SqlEscalate => &[Target, Table, Function, Role, Setting, Object, Unresolved],
        Verb::GatewayEscalate | Verb::GatewayConfigure => &[Target, Principal],
        Verb::Unknown => &[Target, Table, Function, Object, Unresolved],
    }
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    text.write_fmt(line).unwrap_or_default();
}

/// Attributes of everything inside a target.
const PART: &str = "{ target: Target, environment: String, schema: String, name: String }";

/// Classes that are always known, so that a rule may name them before a column does.
const BASE_CLASSES: [&str; 6] = ["address", "card", "email", "phone", "secret", "ssn"];

const HEAD: &str = r#"entity Group;
entity Person in [Group] { active: Bool, name: String };
entity Agent in [Group] { owner: Person, active: Bool, name: String };
entity Pipeline in [Group] { owner: Person, active: Bool, name: String };
entity Target { kind: String, environment: String, owner: Group } tags String;
entity Review { lineage: Set<Person>, target: Target, environment: String };
type Act = {
  now: datetime, has_where: Bool, bounded: Bool, classified: Bool, operations: Long,
  limit?: Long, estimated_rows?: Long, columns?: Set<String>, privileges?: Set<String>,
  statements?: Long,
};
"#;

const META: &str = r#"action "reveal" appliesTo {
  principal: [Person, Agent, Pipeline], resource: DataClass, context: { now: datetime, target: Target } };
action "countersign" appliesTo {
  principal: Person, resource: Review, context: { now: datetime, channel: String, strength: Long, proof_age: Long } };
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_one_that_cedar_accepts_without_warnings() {
        let classes = ["iban".parse().unwrap()].into();
        let (_, warnings) = cedar_policy::Schema::from_cedarschema_str(&schema_text(&classes)).unwrap();
        assert_eq!(warnings.map(|warning| warning.to_string()).collect::<Vec<_>>(), Vec::<String>::new());
    }
}
