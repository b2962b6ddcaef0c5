//! The decision procedure on a realistic set, its traps, and that slicing changes nothing.

use super::*;
use model::{
    Actor, Category, Facts, Labels, Lineage, Owner, Principal, PrincipalId, PrincipalKind, Resource, TargetKind,
    TargetVersion,
};

const RULES: &str = r#"
@id("work") permit (principal in Group::"engineering", action in [Action::"connect", Action::"read", Action::"write"], resource);
@id("sre") permit (principal in Group::"sre", action, resource);
@id("countersigning") permit (principal is Person, action == Action::"countersign", resource) when { principal.active };
@id("see-email") permit (principal is Person in Group::"support", action == Action::"reveal", resource == DataClass::"email");
@id("production") @title("Agents change production with a DBA") @review("dba") @expires("30m")
forbid (principal is Agent, action in [Action::"write", Action::"destroy"], resource)
unless { ["development", "staging"].contains(resource.environment) };
@id("loss") @review("owner") @quorum("2") @expires("15m")
forbid (principal, action in Action::"destroy", resource) unless { resource.environment == "development" };
@id("no-escalation") forbid (principal is Agent, action in Action::"escalate", resource);
@id("no-unbounded") forbid (principal is Agent, action in Action::"sql.update_unbounded", resource);
@id("overflow") forbid (principal, action == Action::"sql.merge", resource)
when { context has estimated_rows && context.estimated_rows * 9223372036854775807 > 5 };
"#;

fn load(text: &str) -> PolicySet {
    let file = SourceFile { name: "rules.cedar".to_owned(), text: text.to_owned() };
    PolicySet::load(&[file], &BTreeSet::new()).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn refused(text: &str) -> String {
    let file = SourceFile { name: "rules.cedar".to_owned(), text: text.to_owned() };
    PolicySet::load(&[file], &BTreeSet::new()).map(|_| ()).unwrap_err()[0].to_string()
}

fn standing(kind: PrincipalKind, groups: &[&str]) -> Standing {
    let owner = Owner { name: "ada".parse().unwrap(), groups: BTreeSet::new(), active: true };
    Standing {
        actor: Actor {
            principal: Principal { id: PrincipalId::from_random([1; 16]), kind, name: "reporter".parse().unwrap() },
            lineage: Lineage::of([PrincipalId::from_random([2; 16])]),
        },
        owner: (kind != PrincipalKind::Person).then_some(owner),
        groups: groups.iter().map(|group| group.parse().unwrap()).collect(),
        active: true,
    }
}

fn target(environment: &str) -> Target {
    Target {
        name: "shop".parse().unwrap(),
        kind: TargetKind::Postgres,
        owner: "shop-owners".parse().unwrap(),
        labels: Labels::from([("environment".to_owned(), environment.to_owned())]),
        classify: Default::default(),
        detect: Default::default(),
        dry_run: false,
        version: TargetVersion(sha256(&[b""])),
    }
}

fn operation(verb: Verb) -> Operation {
    let kind = crate::schema::resource_kinds(verb)[usize::from(crate::schema::resource_kinds(verb).len() > 1)];
    let name = if kind == ResourceKind::Target { "" } else { "customers" };
    Operation::new(verb, Resource::new(kind, if name.is_empty() { "" } else { "public" }, name))
}

fn ask(set: &PolicySet, standing: &Standing, target: &Target, operations: &[Operation]) -> Decision {
    let asker = set.asker(standing, target);
    let now = Timestamp::from_millis(1_795_365_989_123);
    set.decide(&Question { asker: &asker, standing, target, operations, now })
}

fn word(decision: &Decision) -> String {
    let rules: Vec<_> = decision.explained().rules.iter().map(|rule| rule.id.as_str()).collect();
    format!("{} {}", decision.as_str(), rules.join(","))
}

#[test]
fn each_operation_gets_the_answer_of_the_rules_as_they_stand() {
    let set = load(RULES);
    let agent = standing(PrincipalKind::Agent, &["engineering"]);
    let decide = |verb, environment: &str| word(&ask(&set, &agent, &target(environment), &[operation(verb)]));
    assert_eq!(decide(Verb::SqlSelect, "production"), "allow work");
    assert_eq!(decide(Verb::SqlUpdate, "staging"), "allow work");
    assert_eq!(decide(Verb::SqlUpdate, "production"), "review production");
    assert_eq!(decide(Verb::SqlUpdate, "prodction"), "review production");
    assert_eq!(decide(Verb::SqlDeleteUnbounded, "production"), "review loss,production");
    assert_eq!(decide(Verb::SqlUpdateUnbounded, "production"), "deny no-unbounded");
    assert_eq!(decide(Verb::SqlEscalate, "production"), "deny no-escalation");
    assert_eq!(decide(Verb::SqlConfigure, "production"), "deny ");
    assert_eq!(decide(Verb::Unknown, "production"), "deny ");
}

#[test]
fn a_table_made_from_a_query_is_for_rules_to_grant() {
    let set = load(RULES);
    let agent = standing(PrincipalKind::Agent, &["engineering"]);
    // As the classifier names it.
    let made = Operation::new(Verb::SqlCreateAs, Resource::new(ResourceKind::Object, "", "copied"));
    let reads = operation(Verb::SqlSelect);
    let decide = |environment: &str| word(&ask(&set, &agent, &target(environment), &[made.clone(), reads.clone()]));
    assert_eq!(decide("staging"), "allow work");
    assert_eq!(decide("production"), "review production");
}

#[test]
fn the_strictest_operation_decides_and_requirements_add_up() {
    let set = load(RULES);
    let agent = standing(PrincipalKind::Agent, &["engineering"]);
    let of = |verbs: &[Verb]| {
        let operations: Vec<_> = verbs.iter().copied().map(operation).collect();
        ask(&set, &agent, &target("production"), &operations)
    };
    let Decision::Review(requirements, _) = of(&[Verb::SqlSelect, Verb::SqlUpdate, Verb::SqlDeleteUnbounded]) else {
        panic!("expected a review");
    };
    let asked: Vec<_> = requirements.iter().map(|r| (r.group.to_string(), r.quorum)).collect();
    assert_eq!(asked, [("shop-owners".to_owned(), 2), ("dba".to_owned(), 1)]);
    assert_eq!(word(&of(&[Verb::SqlUpdate, Verb::SqlEscalate])), "deny no-escalation");
    assert_eq!(of(&[]).as_str(), "deny");
    let many = vec![operation(Verb::SqlSelect); limit::OPERATIONS + 1];
    let decision = ask(&set, &agent, &target("production"), &many);
    assert!(matches!(decision, Decision::Deny(DenyReason::TooMany { .. }, _)));
}

#[test]
fn an_open_permit_reaches_neither_unknown_nor_unresolved_nor_the_gateway() {
    let set = load(RULES);
    let sre = standing(PrincipalKind::Person, &["sre"]);
    assert_eq!(ask(&set, &sre, &target("development"), &[operation(Verb::Unknown)]).as_str(), "deny");
    let unresolved = Operation::new(Verb::SqlSelect, Resource::new(ResourceKind::Unresolved, "", "nowhere"));
    assert_eq!(ask(&set, &sre, &target("development"), &[unresolved]).as_str(), "deny");
    let mut gateway = target("production");
    gateway.name = GATEWAY.parse().unwrap();
    let change = Operation::new(Verb::GatewayConfigure, Resource::target());
    assert_eq!(ask(&set, &sre, &gateway, std::slice::from_ref(&change)).as_str(), "deny");
    let named = format!(
        "{RULES} @id(\"admins\") permit (principal in Group::\"sre\", action, resource == Target::\"countersign\");
         @id(\"odd\") permit (principal in Group::\"sre\", action == Action::\"unknown\", resource);"
    );
    let set = load(&named);
    assert_eq!(ask(&set, &sre, &gateway, &[change]).as_str(), "allow");
    assert_eq!(ask(&set, &sre, &target("development"), &[operation(Verb::Unknown)]).as_str(), "allow");
}

#[test]
fn a_rule_that_errors_denies() {
    let set = load(RULES);
    let sre = standing(PrincipalKind::Person, &["sre"]);
    let mut merge = operation(Verb::SqlMerge);
    merge.facts = Facts { estimated_rows: Some(2), ..Facts::default() };
    let decision = ask(&set, &sre, &target("development"), &[merge]);
    assert!(matches!(decision, Decision::Deny(DenyReason::EvaluationFailed(_), _)), "{decision:?}");
}

#[test]
fn a_rule_reads_the_privileges_that_a_grant_gives() {
    let deletes = load(
        r#"@id("dba") permit (principal, action == Action::"sql.escalate", resource);
        @id("no-deletes") forbid (principal, action, resource)
        when { context has privileges && context.privileges.contains("delete") };"#,
    );
    let person = standing(PrincipalKind::Person, &[]);
    let decide = |set: &PolicySet, privileges: Option<&[&str]>| {
        let mut grant = operation(Verb::SqlEscalate);
        grant.facts.privileges = privileges.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        word(&ask(set, &person, &target("production"), &[grant]))
    };
    assert_eq!(decide(&deletes, Some(&["select", "usage"])), "allow dba");
    assert_eq!(decide(&deletes, Some(&["delete", "select"])), "deny no-deletes");
    assert_eq!(decide(&deletes, None), "allow dba");
    // As the documentation has it.
    let reads = load(
        r#"@id("dba") permit (principal, action == Action::"sql.escalate", resource);
        @id("grants-only-reads") forbid (principal, action == Action::"sql.escalate", resource)
        unless { context has privileges && ["select", "usage"].containsAll(context.privileges) };"#,
    );
    assert_eq!(decide(&reads, Some(&["select"])), "allow dba");
    assert_eq!(decide(&reads, Some(&["maintain", "select"])), "deny grants-only-reads");
    assert_eq!(decide(&reads, None), "deny grants-only-reads");
    let asked_nothing = r#"@id("a") forbid (principal, action, resource) when { context.privileges.contains("x") };"#;
    assert!(refused(asked_nothing).contains("privileges"), "{}", refused(asked_nothing));
}

#[test]
fn a_rule_reads_how_many_statements_stand_in_a_text() {
    let rules = r#"@id("reads") permit (principal, action in Action::"read", resource);
        @id("one-at-a-time") forbid (principal, action, resource)
        unless { context has statements && context.statements == 1 };"#;
    let set = load(rules);
    let decide = |statements: Option<i64>| {
        let mut read = operation(Verb::SqlSelect);
        read.facts.statements = statements;
        word(&ask(&set, &standing(PrincipalKind::Person, &[]), &target("production"), &[read]))
    };
    assert_eq!(decide(Some(1)), "allow reads");
    assert_eq!(decide(Some(2)), "deny one-at-a-time");
    assert_eq!(decide(None), "deny one-at-a-time");
}

#[test]
fn no_rule_lets_an_agent_or_pipeline_change_the_gateway() {
    let rules = r#"@id("agents") permit (principal, action, resource);
        @id("named") permit (principal, action in Action::"escalate", resource in Target::"countersign");"#;
    let set = load(rules);
    let gateway = Target { name: Name::gateway(), ..target("production") };
    let mint = [operation(Verb::GatewayEscalate)];
    for kind in [PrincipalKind::Agent, PrincipalKind::Pipeline] {
        let decision = ask(&set, &standing(kind, &["admins"]), &gateway, &mint);
        assert!(matches!(decision, Decision::Deny(DenyReason::OwnLeash, _)), "{decision:?}");
    }
    assert_eq!(ask(&set, &standing(PrincipalKind::Person, &[]), &gateway, &mint).as_str(), "allow");
}

#[test]
fn a_revoked_principal_is_denied() {
    let set = load(RULES);
    let mut agent = standing(PrincipalKind::Agent, &["engineering"]);
    agent.active = false;
    let decision = ask(&set, &agent, &target("staging"), &[operation(Verb::SqlSelect)]);
    assert!(matches!(decision, Decision::Deny(DenyReason::Inactive, _)));
}

#[test]
fn revealing_needs_a_permit_that_names_it() {
    let set = load(RULES);
    let email = "email".parse().unwrap();
    let now = Timestamp::from_millis(0);
    let may = |kind, group: &str| set.may_reveal(&standing(kind, &[group]), &target("production"), &email, now);
    assert_eq!(may(PrincipalKind::Person, "support").as_str(), "allow");
    assert_eq!(may(PrincipalKind::Agent, "support").as_str(), "deny");
    assert_eq!(may(PrincipalKind::Person, "sre").as_str(), "deny");
}

#[test]
fn countersigning_needs_a_permit_that_names_it_and_heeds_strength() {
    let strong = format!(
        "{RULES} @id(\"strong\") forbid (principal, action == Action::\"countersign\", resource)
         when {{ resource.environment == \"production\" && context.strength < 3 }};"
    );
    let may = |set: &PolicySet, environment: &str| {
        let reviewer = standing(PrincipalKind::Person, &["dba"]);
        let asked = Countersign {
            reviewer: &reviewer,
            review: "rev_1",
            lineage: &["ada".parse().unwrap()],
            target: &target(environment),
            channel: Channel::Cli,
            strength: Strength::PASSPHRASE,
            proof_age: Duration::from_secs(0),
            now: Timestamp::from_millis(0),
        };
        set.may_countersign(&asked)
    };
    assert_eq!(may(&load(RULES), "production").as_str(), "allow");
    assert_eq!(word(&may(&load(&strong), "production")), "deny strong");
    assert_eq!(may(&load(&strong), "staging").as_str(), "allow");
    assert_eq!(may(&load("@id(\"a\") permit (principal, action, resource);"), "staging").as_str(), "deny");
}

#[test]
fn mistakes_are_told_with_file_line_and_column() {
    let cases = [
        ("permit (principal, action, resource);", "rules.cedar:1:1: every rule needs an `@id"),
        ("@id(\"a\")\n@reviw(\"dba\")\nforbid (principal, action, resource);", "rules.cedar:2:1: `@reviw` is not"),
        (
            "@id(\"a\")\n@review(\"dba\")\npermit (principal, action, resource);",
            "rules.cedar:2:1: `@review` belongs on",
        ),
        (
            "@id(\"a\") @review(\"dba\") @quorum(\"0\") forbid (principal, action in Action::\"read\", resource);",
            "rules.cedar:1:25: `@quorum",
        ),
        (
            "@id(\"a\") @review(\"dba\") @expires(\"5s\") forbid (principal, action in Action::\"read\", resource);",
            "rules.cedar:1:25: `@expires",
        ),
        ("@id(\"a\") @quorum(\"2\") forbid (principal, action, resource);", "rules.cedar:1:10: `@quorum` says how"),
        (
            "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource);",
            "rules.cedar:2:1: `@id(\"a\")` is used twice: first at rules.cedar:1",
        ),
        ("@id(\"a\") permit (principal,, action, resource);", "rules.cedar:1:"),
        ("@id(\"a\") permit (principal, action == Action::\"sql.slect\", resource);", "rules.cedar:1:"),
        ("@id(\"a\") permit (principal, action, resource) when { context.nonsense };", "rules.cedar:1:"),
        ("@id(\"a\") permit (principal, action, resource == DataClass::\"emial\");", "rules.cedar:1:"),
        (
            "@id(\"a\") @review(\"dba\") forbid (principal, action == Action::\"countersign\", resource);",
            "rules.cedar:1:10: a gate rule that reaches",
        ),
    ];
    for (text, expected) in cases {
        let found = refused(text);
        assert!(found.starts_with(expected), "{text}\n  gave {found}");
    }
}

#[test]
fn the_version_follows_every_rule_but_not_their_order() {
    let one = "@id(\"a\") permit (principal, action, resource);";
    let two = "@id(\"b\") forbid (principal is Agent, action, resource);";
    assert_eq!(load(&format!("{one}{two}")).version(), load(&format!("{two}{one}")).version());
    assert_ne!(load(one).version(), load(&format!("{one}{two}")).version());
    assert_ne!(load(one).version(), load(&one.replace("@id", "@title(\"x\") @id")).version());
}

#[test]
fn the_sliced_answer_is_the_answer_of_the_whole_set() {
    let mut text = RULES.to_owned();
    for n in 0..40 {
        let verb = Verb::ALL[n % Verb::ALL.len()];
        let category = Category::ALL[n % 8];
        text.push_str(&format!(
            "@id(\"p{n}\") permit (principal in Group::\"g{}\", action == Action::\"{verb}\", resource);
             @id(\"f{n}\") @review(\"dba\") forbid (principal == Agent::\"a{}\", action in Action::\"{category}\", resource in Target::\"t{}\");
             @id(\"h{n}\") forbid (principal, action in Action::\"{}\", resource == Table::\"shop/public.t{n}\");",
            n % 5,
            n % 3,
            n % 4,
            Category::ALL[n % 6],
        ));
    }
    let set = load(&text);
    let everything = Slice::of(set.rules.iter());
    let mut seen = BTreeSet::new();
    for verb in Verb::ALL {
        for kind in crate::schema::resource_kinds(*verb) {
            for (principal, groups) in
                [(PrincipalKind::Agent, vec!["engineering", "g1"]), (PrincipalKind::Person, vec!["sre", "g2"])]
            {
                let (standing, target) = (standing(principal, &groups), target("production"));
                let resource = if *kind == ResourceKind::Target {
                    Resource::target()
                } else {
                    Resource::new(*kind, "public", "t8")
                };
                let operation = Operation::new(*verb, resource);
                let asker = set.asker(&standing, &target);
                let spoken = asker.0.as_ref().unwrap();
                let (uid, entity) = set.names.resource(&operation.resource, &target, &spoken.target_uid).unwrap();
                let action = set.names.action(verb.as_str()).unwrap();
                let context = entities::context(&operation.facts, 1, Some(Timestamp::from_millis(0))).unwrap();
                let request = request(&spoken.uid, &action.uid(), &uid, context).unwrap();
                let known = spoken.entities.iter().cloned().chain([action.clone()]).chain(entity);
                let known = entities::together(known).unwrap();
                let now = Timestamp::from_millis(0);
                let question = Question { asker: &asker, standing: &standing, target: &target, operations: &[], now };
                let slice = set.slice(&question, &operation, spoken, &uid);
                let whole = set.authorizer.is_authorized(&request, &everything.whole, &known);
                let sliced = set.authorizer.is_authorized(&request, &slice.whole, &known);
                let reasons = |response: &Response| response.diagnostics().reason().cloned().collect::<BTreeSet<_>>();
                assert_eq!(whole.decision(), sliced.decision(), "{verb} {kind:?}");
                assert_eq!(reasons(&whole), reasons(&sliced), "{verb} {kind:?}");
                seen.extend(reasons(&whole));
            }
        }
    }
    assert!(seen.len() > 10, "the sample reaches too few rules: {seen:?}");
}

#[test]
fn who_asks_alike_is_said_once_while_anybody_asks() {
    let set = load(RULES);
    let (standing, target) = (standing(PrincipalKind::Agent, &["agents"]), target("production"));
    let asker = set.asker(&standing, &target);
    assert!(Arc::ptr_eq(&asker, &set.asker(&standing.clone(), &target)));
    let other = Standing { groups: Default::default(), ..standing.clone() };
    assert!(!Arc::ptr_eq(&asker, &set.asker(&other, &target)));
    let elsewhere = Target { dry_run: true, ..target.clone() };
    assert!(!Arc::ptr_eq(&asker, &set.asker(&standing, &elsewhere)));
    let gone = Arc::downgrade(&asker);
    drop(asker);
    assert!(gone.upgrade().is_none(), "nobody asks, and it is kept");
    assert_eq!(Arc::strong_count(&set.asker(&standing, &target)), 1);
}
