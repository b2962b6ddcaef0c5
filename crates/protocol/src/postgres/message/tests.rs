//! Messages of clients, byte for byte: whole, cut, too long, and not what they say.

#![expect(clippy::unwrap_in_result, reason = "the test's own frames are whole")]

use proptest::prelude::*;

use super::*;

fn message(tag: u8, body: &[u8]) -> BytesMut {
    let mut output = BytesMut::new();
    framed(&mut output, tag, |to| to.put_slice(body));
    output
}

fn read_one(tag: u8, body: &[u8]) -> Result<Message, Malformed> {
    read(&take_frame(&mut message(tag, body)).unwrap().unwrap())
}

#[test]
fn every_message_of_a_client_is_read_whole() {
    assert_eq!(read_one(b'Q', b"SELECT 1\0"), Ok(Message::Query("SELECT 1".to_owned())));
    let parse = Parse { name: "s".to_owned(), text: "SELECT $1".to_owned(), types: vec![23] };
    assert_eq!(read_one(b'P', b"s\0SELECT $1\0\0\x01\0\0\0\x17"), Ok(Message::Parse(parse)));
    let values = vec![Some(b"7".to_vec()), None];
    let bind = Bind { portal: String::new(), statement: "s".to_owned(), formats: vec![1], values };
    let body = b"\0s\0\0\x01\0\x01\0\x02\0\0\0\x017\xff\xff\xff\xff\0\0";
    assert_eq!(read_one(b'B', body), Ok(Message::Bind(bind)));
    assert_eq!(read_one(b'E', b"p\0\0\0\0\x05"), Ok(Message::Execute { portal: "p".to_owned(), rows: 5 }));
    assert_eq!(read_one(b'D', b"Ss\0"), Ok(Message::Describe(Named::Statement("s".to_owned()))));
    assert_eq!(read_one(b'C', b"P\0"), Ok(Message::Close(Named::Portal(String::new()))));
    assert_eq!(read_one(b'S', b""), Ok(Message::Sync));
    assert_eq!(read_one(b'X', b""), Ok(Message::Terminate));
}

#[test]
fn a_body_that_is_cut_or_goes_on_is_refused() {
    for (tag, body) in [
        (b'Q', &b"SELECT 1\0"[..]),
        (b'P', b"s\0SELECT $1\0\0\x01\0\0\0\x17"),
        (b'B', b"\0s\0\0\x01\0\x01\0\x02\0\0\0\x017\xff\xff\xff\xff\0\0"),
        (b'E', b"p\0\0\0\0\x05"),
        (b'D', b"Ss\0"),
    ] {
        assert!(read_one(tag, body).is_ok());
        for cut in 0..body.len() {
            assert_eq!(read_one(tag, &body[..cut]), Err(Malformed::Body(tag)), "{tag} {cut}");
        }
        assert_eq!(read_one(tag, &[body, b"\0"].concat()), Err(Malformed::Body(tag)));
    }
}

#[test]
fn a_nul_inside_a_query_is_refused() {
    assert_eq!(read_one(b'Q', b"SELECT 1\0; DROP TABLE t\0"), Err(Malformed::Body(b'Q')));
}

#[test]
fn formats_are_text_or_binary_and_match_the_values() {
    let bind = |formats: &[u8], values: &[u8]| read_one(b'B', &[b"\0\0", formats, values, b"\0\0"].concat());
    let two = b"\0\x02\0\0\0\x011\0\0\0\x012";
    assert!(bind(b"\0\0", two).is_ok());
    assert!(bind(b"\0\x01\0\x01", two).is_ok());
    assert!(bind(b"\0\x02\0\0\0\x01", two).is_ok());
    assert!(bind(b"\0\x03\0\0\0\x01\0\0", two).is_err());
    assert!(bind(b"\0\x01\0\x02", two).is_err());
    assert!(bind(b"\xff\xff", two).is_err());
    assert!(bind(b"\0\0", b"\0\x01\xff\xff\xff\xfe").is_err());
}

#[test]
fn lengths_over_their_limit_are_refused_before_the_body_arrives() {
    for (tag, length) in [(b'Q', u32::MAX), (b'Q', 0x7fff_ffff), (b'S', 20_000), (b'D', 20_000), (b'B', 1 << 30)] {
        let mut buffer = BytesMut::from(&[&[tag][..], &length.to_be_bytes()].concat()[..]);
        assert!(matches!(take_frame(&mut buffer), Err(Malformed::TooLong(..) | Malformed::Length)), "{tag} {length}");
    }
    for length in [0_u32, 1, 2, 3] {
        let mut buffer = BytesMut::from(&[&b"Q"[..], &length.to_be_bytes(), b"x"].concat()[..]);
        assert_eq!(take_frame(&mut buffer), Err(Malformed::Length));
    }
}

#[test]
fn a_message_is_taken_only_when_it_is_whole() {
    let whole = message(b'Q', b"SELECT 1\0");
    for cut in 0..whole.len() {
        let mut part = BytesMut::from(&whole[..cut]);
        assert_eq!(take_frame(&mut part), Ok(None));
        assert_eq!(part.len(), cut);
    }
    let mut two = BytesMut::from(&[&whole[..], &whole[..]].concat()[..]);
    assert!(take_frame(&mut two).unwrap().is_some());
    assert_eq!(two, whole);
}

#[test]
fn text_that_is_not_utf8_is_refused_and_the_connection_goes_on() {
    let refused = read_one(b'Q', b"SELECT '\xff'\0").unwrap_err();
    assert_eq!(refused, Malformed::NotUtf8);
    assert!(!refused.is_fatal());
    assert!(take_frame(&mut message(b'y', b"")).unwrap_err().is_fatal());
}

fn opening(body: &[u8]) -> Result<Option<Opening>, Malformed> {
    let length = u32::try_from(body.len().saturating_add(4)).unwrap().to_be_bytes();
    take_opening(&mut BytesMut::from(&[&length[..], body].concat()[..]))
}

#[test]
fn a_start_is_read_and_no_parameter_stands_twice() {
    let start = |body: &[u8]| opening(&[&[0, 3, 0, 0], body].concat());
    let parameters = [("user".to_owned(), "a".to_owned()), ("database".to_owned(), "b".to_owned())].into();
    let read = Opening::Start(Start { minor: 0, parameters });
    assert_eq!(start(b"user\0a\0database\0b\0\0"), Ok(Some(read)));
    assert_eq!(start(b"user\0a\0user\0b\0\0"), Err(Malformed::Twice("user".to_owned())));
    assert_eq!(start(b"user\0a\0\0more"), Err(Malformed::Length));
    assert_eq!(start(b"user\0a\0"), Err(Malformed::Length));
    assert_eq!(opening(&[0, 2, 0, 0, 0]), Err(Malformed::Version(2, 0)));
    assert_eq!(opening(&TLS_REQUEST.to_be_bytes()), Ok(Some(Opening::Tls)));
    assert_eq!(opening(&GSS_REQUEST.to_be_bytes()), Ok(Some(Opening::Gss)));
    let cancel = [CANCEL_REQUEST.to_be_bytes(), 7_u32.to_be_bytes(), 9_u32.to_be_bytes()].concat();
    assert_eq!(opening(&cancel), Ok(Some(Opening::Cancel { process: 7, key: 9 })));
    assert!(opening(&vec![0; SMALL]).is_err());
}

#[test]
fn the_password_is_taken_without_its_end() {
    assert_eq!(take_password(&mut message(b'p', b"secret\0")), Ok(Some(Bytes::from_static(b"secret"))));
    assert!(take_password(&mut message(b'p', b"secret")).is_err());
    assert!(take_password(&mut message(b'p', b"a\0b\0")).is_err());
    assert!(take_password(&mut message(b'Q', b"SELECT 1\0")).is_err());
}

#[test]
fn a_choice_among_ways_of_proof_comes_with_its_first_words() {
    let choice = |body: &[u8]| take_choice(&mut message(b'p', body));
    let taken = |words: &'static [u8]| Ok(Some(("SCRAM-SHA-256".to_owned(), Bytes::from_static(words))));
    assert_eq!(choice(b"SCRAM-SHA-256\0\0\0\0\x03n,,"), taken(b"n,,"));
    assert_eq!(choice(b"SCRAM-SHA-256\0\0\0\0\0"), taken(b""));
    for wrong in [
        &b""[..],
        b"SCRAM-SHA-256",
        b"SCRAM-SHA-256\0",
        b"SCRAM-SHA-256\0\0\0\0",
        b"SCRAM-SHA-256\0\0\0\0\x04n,,",
        b"SCRAM-SHA-256\0\0\0\0\x02n,,",
        b"SCRAM-SHA-256\0\xff\xff\xff\xff",
    ] {
        assert_eq!(choice(wrong), Err(Malformed::Body(b'p')), "{wrong:?}");
    }
    assert_eq!(choice(b"\xff\0\0\0\0\0"), Err(Malformed::NotUtf8));
    assert!(take_choice(&mut message(b'Q', b"SELECT 1\0")).is_err());
    assert_eq!(take_proof(&mut message(b'p', b"c=biws")), Ok(Some(Bytes::from_static(b"c=biws"))));
    assert!(take_proof(&mut message(b'S', b"")).is_err());
}

#[test]
fn what_the_gateway_says_has_postgresqls_form() {
    let mut output = BytesMut::new();
    let report = Report::new(Severity::Error, "42501", "no\0pe").hint("ask");
    Said::Report(&report).write(&mut output);
    Said::Ready(b'I').write(&mut output);
    let expected = b"E\0\0\0\x25SERROR\0VERROR\0C42501\0Mnope\0Hask\0\0Z\0\0\0\x05I";
    assert_eq!(&output[..], expected);
}

/// What a stream gives that comes in these parts, up to the first fault; and what is left of it.
fn heard(parts: &[&[u8]]) -> (Vec<Result<Frame, Malformed>>, Vec<u8>) {
    let (mut input, mut heard) = (BytesMut::new(), Vec::new());
    for part in parts {
        input.extend_from_slice(part);
        while !heard.last().is_some_and(Result::is_err)
            && let Some(next) = take_frame(&mut input).transpose()
        {
            heard.push(next);
        }
    }
    (heard, input.to_vec())
}

/// Messages of a client, the most of them whole.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let tag = prop_oneof![9 => prop::sample::select(b"QPBDCESHXFdcfp".to_vec()), 1 => any::<u8>()];
    let body = prop::collection::vec(any::<u8>(), 0..20);
    let wrong = prop_oneof![9 => Just(None), 1 => any::<u32>().prop_map(Some)];
    let message = (tag, body, wrong).prop_map(|(tag, body, wrong)| {
        let mut message = message(tag, &body);
        if let Some(length) = wrong {
            message[1..HEAD].copy_from_slice(&length.to_be_bytes());
        }
        message.to_vec()
    });
    prop::collection::vec(message, 0..8).prop_map(|messages| messages.concat())
}

proptest! {
    #[test]
    fn cutting_a_stream_anywhere_changes_nothing(
        stream in streams(),
        cuts in prop::collection::vec(0_usize..200, 0..8),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| *cut.min(&stream.len())).collect();
        cuts.sort_unstable();
        let ends = cuts.iter().copied().chain([stream.len()]);
        let starts = [0].into_iter().chain(cuts.iter().copied());
        let parts: Vec<&[u8]> = starts.zip(ends).map(|(start, end)| &stream[start..end]).collect();
        let whole = heard(&[&stream]);
        prop_assert_eq!(&heard(&parts), &whole);
        // Every byte is in a frame, in its order, or left over.
        let frames: Vec<u8> = whole.0.iter().flatten().flat_map(|frame| frame.raw.to_vec()).collect();
        prop_assert_eq!([frames, whole.1].concat(), stream);
    }
}
