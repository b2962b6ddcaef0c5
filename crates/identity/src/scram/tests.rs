//! A client that others wrote, or none at all, at the other end of an exchange.

#![expect(clippy::unwrap_in_result, reason = "what the gateway says is for the client to take")]

use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};

use super::*;

const END_POINT: &[u8] = b"the hash of a certificate";

struct Known {
    token: Token,
    whom: (PrincipalId, Verifier),
}

fn bearer(name: &str) -> Known {
    let principal = PrincipalId::from_random([5; 16]);
    let token = Token::mint(principal).unwrap();
    let verifier = Verifier::parse(&Verifier::of(&token, name).to_string()).unwrap();
    Known { whom: (principal, verifier), token }
}

/// A whole exchange with a client that others wrote.
fn talk(
    mut client: ScramSha256,
    whom: (&str, Option<(PrincipalId, Verifier)>),
    offered: (Mechanism, Option<&[u8]>),
) -> Result<PrincipalId, Unproven> {
    let exchange = Exchange::begin(whom, offered, client.message())?;
    client.update(exchange.challenge().as_bytes()).unwrap();
    let proven = exchange.finish(client.message())?;
    client.finish(proven.answer().as_bytes()).expect("the client believes that it speaks to the gateway");
    Ok(proven.principal())
}

#[test]
fn whoever_has_the_token_proves_it_and_is_proven_to() {
    let Known { token, whom } = bearer("agent");
    let secret = || token.reveal().as_bytes();
    let known = || ("agent", Some(whom.clone()));
    let plain = (Mechanism::Plain, None);
    assert_eq!(talk(ScramSha256::new(secret(), ChannelBinding::unsupported()), known(), plain), Ok(whom.0));
    // A client that cannot be bound comes in where others are bound.
    let could = (Mechanism::Plain, Some(END_POINT));
    assert_eq!(talk(ScramSha256::new(secret(), ChannelBinding::unsupported()), known(), could), Ok(whom.0));
    // One that can be, where nothing is to be bound to.
    assert_eq!(talk(ScramSha256::new(secret(), ChannelBinding::unrequested()), known(), plain), Ok(whom.0));
    let binding = ChannelBinding::tls_server_end_point(END_POINT.to_vec());
    let plus = (Mechanism::Plus, Some(END_POINT));
    assert_eq!(talk(ScramSha256::new(secret(), binding), known(), plus), Ok(whom.0));
}

#[test]
fn a_wrong_token_and_a_name_that_nobody_has_are_told_the_same() {
    let Known { whom, .. } = bearer("agent");
    let other = bearer("agent").token;
    let wrong = |whom| {
        let client = ScramSha256::new(other.reveal().as_bytes(), ChannelBinding::unsupported());
        talk(client, ("agent", whom), (Mechanism::Plain, None))
    };
    assert_eq!(wrong(Some(whom)), Err(Unproven::Wrong));
    assert_eq!(wrong(None), Err(Unproven::Wrong));
}

#[test]
fn what_is_asked_of_a_name_does_not_tell_whether_somebody_has_it() {
    let Known { whom, .. } = bearer("agent");
    let asked = |whom| {
        let exchange = Exchange::begin(("agent", whom), (Mechanism::Plain, None), b"n,,n=,r=abc").unwrap();
        exchange.challenge().split_once(",s=").unwrap().1.to_owned()
    };
    assert_eq!(asked(Some(whom)), asked(None));
}

#[test]
fn somebody_in_between_is_noticed() {
    let Known { token, whom } = bearer("agent");
    let secret = || token.reveal().as_bytes();
    let known = || ("agent", Some(whom.clone()));
    let is_noticed = |talked: Result<PrincipalId, Unproven>| {
        assert!(matches!(talked, Err(Unproven::StandsBetween(_))), "{talked:?}");
    };
    let is_refused = |talked: Result<PrincipalId, Unproven>| {
        assert!(matches!(talked, Err(Unproven::ClientMisbehaved(_))), "{talked:?}");
    };
    // They showed another certificate.
    let other = ChannelBinding::tls_server_end_point(b"of another".to_vec());
    is_noticed(talk(ScramSha256::new(secret(), other), known(), (Mechanism::Plus, Some(END_POINT))));
    // They took the binding off the offer.
    let could = ChannelBinding::unrequested();
    is_noticed(talk(ScramSha256::new(secret(), could), known(), (Mechanism::Plain, Some(END_POINT))));
    // Chosen, and not used; used, and not chosen; used where there is nothing to be bound to.
    let unbound = ChannelBinding::unsupported();
    is_refused(talk(ScramSha256::new(secret(), unbound), known(), (Mechanism::Plus, Some(END_POINT))));
    let bound = || ChannelBinding::tls_server_end_point(END_POINT.to_vec());
    is_refused(talk(ScramSha256::new(secret(), bound()), known(), (Mechanism::Plain, Some(END_POINT))));
    is_refused(talk(ScramSha256::new(secret(), bound()), known(), (Mechanism::Plus, None)));
}

/// What RFC 5802 says of a stolen verifier, in section 9, and our documents with it: it is kept as a secret is.
#[test]
fn who_has_the_verifier_and_one_exchange_can_come_in() {
    let Known { token, whom } = bearer("agent");
    let stolen = whom.1.clone();
    let mut victim = ScramSha256::new(token.reveal().as_bytes(), ChannelBinding::unsupported());
    let theirs = ("agent", Some((whom.0, stolen.clone())));
    let fake = Exchange::begin(theirs, (Mechanism::Plain, None), victim.message()).unwrap();
    victim.update(fake.challenge.as_bytes()).unwrap();
    let last = String::from_utf8(victim.message().to_vec()).unwrap();
    let under_stored_key = |all: String| signed(&hmac::Key::new(hmac::HMAC_SHA256, &stolen.stored_key), all.as_bytes());
    let mix = |a: &[u8], b: [u8; KEY]| -> Vec<u8> { a.iter().zip(b).map(|(a, b)| a ^ b).collect() };
    let (said, proof) = last.rsplit_once(",p=").unwrap();
    let all = format!("{},{},{said}", fake.first, fake.challenge);
    let client_key = mix(&BASE64_STANDARD.decode(proof).unwrap(), under_stored_key(all));
    let mechanism = (Mechanism::Plus, Some(END_POINT));
    let real = Exchange::begin(("agent", Some(whom.clone())), mechanism, b"p=tls-server-end-point,,n=,r=x").unwrap();
    let bound = BASE64_STANDARD.encode([b"p=tls-server-end-point,,", END_POINT].concat());
    let said = format!("c={bound},r={}", real.nonce);
    let proof = mix(&client_key, under_stored_key(format!("{},{},{said}", real.first, real.challenge)));
    let message = format!("{said},p={}", BASE64_STANDARD.encode(proof));
    assert_eq!(real.finish(message.as_bytes()).unwrap().principal(), whom.0);
}

#[test]
fn what_is_not_scram_is_refused_at_either_step() {
    let begin = |message: &[u8]| {
        let Known { whom, .. } = bearer("agent");
        Exchange::begin(("agent", Some(whom)), (Mechanism::Plain, None), message)
    };
    let long = format!("n,,n=,r={}", "a".repeat(LONGEST));
    for wrong in [
        "",
        "n",
        "n,",
        "n,,",
        "n,,r=abc",
        "n,,n=",
        "n,,n=,r=",
        "n,,n=,r=a b",
        "n,,n=,r=\u{e9}",
        "x,,n=,r=abc",
        "n,a=root,n=,r=abc",
        "n,,m=x,n=,r=abc",
        "p=tls-unique,,n=,r=abc",
        "p=,,n=,r=abc",
        &long,
    ] {
        assert!(matches!(begin(wrong.as_bytes()), Err(Unproven::ClientMisbehaved(_))), "{wrong}");
    }
    assert!(matches!(begin(b"n,,n=\xff,r=abc"), Err(Unproven::ClientMisbehaved(_))));
    let proof = BASE64_STANDARD.encode([0; KEY]);
    let finish = |make: &dyn Fn(&str) -> String| {
        let exchange = begin(b"n,,n=ignored,r=abc,x=ignored").unwrap();
        let message = make(&exchange.nonce);
        exchange.finish(message.as_bytes()).map(|proven| proven.principal())
    };
    assert_eq!(finish(&|nonce| format!("c=biws,r={nonce},p={proof}")), Err(Unproven::Wrong));
    let wrong: [&dyn Fn(&str) -> String; 9] = [
        &|_| String::new(),
        &|nonce| format!("c=biws,r={nonce}"),
        &|nonce| format!("r={nonce},c=biws,p={proof}"),
        &|nonce| format!("c=eSws,r={nonce},p={proof}"),
        &|nonce| format!("c=!,r={nonce},p={proof}"),
        &|nonce| format!("c=biws,r={nonce}x,p={proof}"),
        &|_| format!("c=biws,r=abc,p={proof}"),
        &|nonce| format!("c=biws,r={nonce},p=AAAA"),
        &|nonce| format!("c=biws,r={nonce},p={proof}{}", "=".repeat(LONGEST)),
    ];
    for (number, wrong) in wrong.into_iter().enumerate() {
        let talked = finish(wrong);
        let refused = matches!(talked, Err(Unproven::ClientMisbehaved(_) | Unproven::StandsBetween(_)));
        assert!(refused, "{number}: {talked:?}");
    }
}

#[test]
fn a_verifier_does_not_show_itself_in_logs_and_has_one_text() {
    let verifier = bearer("agent").whom.1;
    assert_eq!(format!("{verifier:?}"), "Verifier(…)");
    assert_eq!(Verifier::parse(&verifier.to_string()), Some(verifier.clone()));
    for wrong in ["", "SCRAM-SHA-256$", "SCRAM-SHA-256$AAAA:AAAA", "md5abc"] {
        assert_eq!(Verifier::parse(wrong), None, "{wrong}");
    }
    let token = bearer("agent").token;
    assert_ne!(Verifier::of(&token, "agent"), Verifier::of(&token, "another"));
}
