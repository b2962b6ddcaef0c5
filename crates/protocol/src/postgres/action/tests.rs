//! Pipelines as their messages come, put together into actions.

use bytes::{BufMut as _, BytesMut};

use super::super::message::{framed, read, take_frame};
use super::*;

fn frame(tag: u8, body: &[u8]) -> Frame {
    let mut output = BytesMut::new();
    framed(&mut output, tag, |to| to.put_slice(body));
    take_frame(&mut output).unwrap().unwrap()
}

fn parse(name: &str, text: &str) -> Frame {
    frame(b'P', format!("{name}\0{text}\0\0\0").as_bytes())
}

fn bind(portal: &str, statement: &str, value: &str) -> Frame {
    let mut body = format!("{portal}\0{statement}\0\0\0\0\x01").into_bytes();
    body.extend_from_slice(&u32::try_from(value.len()).unwrap().to_be_bytes());
    body.extend_from_slice(value.as_bytes());
    body.extend_from_slice(b"\0\0");
    frame(b'B', &body)
}

fn execute(portal: &str) -> Frame {
    frame(b'E', format!("{portal}\0\0\0\0\0").as_bytes())
}

fn describe(name: &str) -> Frame {
    frame(b'D', format!("{name}\0").as_bytes())
}

fn close(name: &str) -> Frame {
    frame(b'C', format!("{name}\0").as_bytes())
}

#[expect(clippy::unwrap_in_result, reason = "the test's own frames are whole")]
fn built(names: &Names, frames: &[Frame]) -> Result<Vec<Step>, Impossible> {
    let mut building = Building::new(names);
    for frame in frames {
        building.add(read(frame).unwrap(), frame)?;
    }
    Ok(building.finish().steps)
}

/// Purpose, text, values, bytes as a string of tags, place of Execute.
fn told(steps: &[Step]) -> Vec<String> {
    let act = |act: &Act| {
        let mut rest = BytesMut::from(&act.bytes[..]);
        let mut tags = String::new();
        while let Some(frame) = take_frame(&mut rest).unwrap() {
            tags.push(char::from(frame.tag));
        }
        assert_eq!(tags.len(), act.replies.len());
        let values: Vec<_> = act.parameters.iter().filter_map(|parameter| parameter.value.clone()).collect();
        let values = String::from_utf8(values.concat()).unwrap();
        format!("{:?} {} {values} {tags} {}", act.purpose, act.statement.text, act.execute.is_some())
    };
    let step = |step: &Step| match step {
        Step::Act(it) => act(it),
        Step::Housekeeping(it) => format!("{it:?}"),
    };
    steps.iter().map(step).collect()
}

fn confirmed(frames: &[Frame]) -> Names {
    let mut names = Names::default();
    for step in built(&Names::default(), frames).unwrap() {
        if let Step::Act(act) = step {
            act.replies.iter().for_each(|reply| names.handle_reply(reply));
        }
    }
    names
}

#[test]
fn a_parse_that_is_bound_at_once_goes_along_with_the_run() {
    let frames = [parse("", "SELECT $1"), describe("S"), bind("", "", "7"), describe("P"), execute("")];
    assert_eq!(told(&built(&Names::default(), &frames).unwrap()), ["Run SELECT $1 7 PDBDE true"]);
}

#[test]
fn a_parse_alone_prepares_and_runs_later_with_its_values() {
    let frames = [parse("s", "SELECT $1"), describe("Ss")];
    assert_eq!(told(&built(&Names::default(), &frames).unwrap()), ["Prepare SELECT $1  PD false"]);
    let names = confirmed(&frames);
    let again = [bind("", "s", "7"), execute(""), bind("", "s", "8"), execute("")];
    let expected = ["Run SELECT $1 7 BE true", "Run SELECT $1 8 BE true"];
    assert_eq!(told(&built(&names, &again).unwrap()), expected);
}

#[test]
fn a_name_that_the_server_would_cut_is_refused() {
    let (longest, cut) = ("n".repeat(63), "n".repeat(64));
    assert!(built(&Names::default(), &[parse(&longest, "SELECT 1")]).is_ok());
    let named = |kind: &str| describe(&format!("{kind}{cut}"));
    for frame in
        [parse(&cut, "SELECT 1"), bind(&cut, "", "7"), bind("", &cut, "7"), execute(&cut), named("S"), named("P")]
    {
        assert_eq!(built(&Names::default(), &[frame]).err(), Some(Impossible::LongName));
    }
}

#[test]
fn each_parse_and_bind_begins_an_action_of_its_own() {
    let frames = [
        parse("a", "SELECT 1, $1"),
        parse("b", "SELECT 2, $1"),
        bind("", "a", "7"),
        execute(""),
        bind("", "b", "8"),
        execute(""),
        execute(""),
    ];
    let expected = [
        "Prepare SELECT 1, $1  P false",
        "Prepare SELECT 2, $1  P false",
        "Run SELECT 1, $1 7 BE true",
        "Run SELECT 2, $1 8 BEE true",
    ];
    assert_eq!(told(&built(&Names::default(), &frames).unwrap()), expected);
}

#[test]
fn a_bind_without_execute_runs_too_because_planning_runs_code() {
    let frames = [parse("", "SELECT $1"), bind("p", "", "7")];
    assert_eq!(told(&built(&Names::default(), &frames).unwrap()), ["Run SELECT $1 7 PB false"]);
    let later = built(&confirmed(&frames), &[execute("p")]).unwrap();
    assert_eq!(told(&later), ["Run SELECT $1 7 E true"]);
}

#[test]
fn names_that_are_not_known_are_never_forwarded() {
    let names = Names::default();
    assert_eq!(built(&names, &[bind("", "s", "7")]), Err(Impossible::NoStatement("s".to_owned())));
    assert_eq!(built(&names, &[execute("c")]), Err(Impossible::NoPortal("c".to_owned())));
    assert_eq!(built(&names, &[describe("Ss")]), Err(Impossible::NoStatement("s".to_owned())));
    assert_eq!(built(&names, &[describe("Pc")]), Err(Impossible::NoPortal("c".to_owned())));
}

#[test]
fn what_a_pipeline_closes_is_gone_for_its_rest() {
    let names = confirmed(&[parse("s", "SELECT $1")]);
    let frames = [close("Ss"), bind("", "s", "7")];
    assert_eq!(built(&names, &frames), Err(Impossible::NoStatement("s".to_owned())));
    let frames = [close("Ss"), parse("s", "SELECT 2, $1"), bind("", "s", "7"), execute("")];
    let expected = ["Close(Statement(\"s\"))", "Run SELECT 2, $1 7 PBE true"];
    assert_eq!(told(&built(&names, &frames).unwrap()), expected);
}

#[test]
fn a_query_and_the_end_of_a_transaction_take_names_away() {
    let mut names = confirmed(&[parse("", "SELECT $1"), parse("s", "SELECT $1"), bind("p", "s", "1")]);
    names.handle_query();
    assert_eq!(built(&names, &[bind("", "", "7")]), Err(Impossible::NoStatement(String::new())));
    assert!(built(&names, &[bind("", "s", "7")]).is_ok());
    assert!(built(&names, &[execute("p")]).is_ok());
    names.handle_idle();
    assert_eq!(built(&names, &[execute("p")]), Err(Impossible::NoPortal("p".to_owned())));
}

#[test]
fn a_session_has_only_so_many_statements() {
    let mut names = Names::default();
    for number in 0..STATEMENTS {
        let prepared = Prepared { text: "SELECT 1".into(), types: Arc::from([]) };
        names.handle_reply(&Reply::Parsed(number.to_string(), prepared));
    }
    assert_eq!(built(&names, &[parse("one more", "SELECT 1")]), Err(Impossible::TooMany));
}
