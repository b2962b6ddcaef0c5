//! The way in, from the start packet on: its parameters under an allow-list, the token as the password, a session that policy opens, and a
//! connection to the upstream of its own. Whatever goes wrong is told in PostgreSQL's words, and the connection ends.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use enforcement::{AuthenticationFailed, Mechanism, ScramFailed};
use futures_util::FutureExt as _;
use gate::Way;
use model::{Name, Standing};
use protocol::postgres::message::{Malformed, Report, Said, Start, take_choice, take_password, take_proof};
use rustls::ServerConfig;
use tokio::net::TcpStream;

use super::arrival::{Peer, Protection, open};
use super::client::Client;
use super::conversation::Conversation;
use super::newcomers::Place;
use super::reading::Library;
use super::seats::Seat;
use super::{Authentication, PostgresDoor, told};
use crate::upstream::postgres::Failed;

/// Lets a client in. `None`: it was told why not, or asked for something else.
pub(super) async fn let_in(door: &PostgresDoor, stream: TcpStream, place: &Place) -> Option<Entered> {
    let opened = match place.during(open(door, stream)).await {
        Ok(Ok(opened)) => opened?,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a client left before it was let in");
            return None;
        }
        Err(report) => {
            tracing::debug!(why = report.message, "a client said too little to be told why it is not let in");
            return None;
        }
    };
    let mut client = opened.client;
    let entering = place.during(enter(door, &mut client, (opened.start, opened.peer), place));
    let entered = match entering.await {
        Ok(entered) => entered,
        Err(report) => {
            client.say(&Said::Report(&report));
            // Its place is gone: it is told if that can be done at once.
            let _told: Option<Result<_, _>> = client.flush().now_or_never();
            return None;
        }
    };
    match entered {
        Ok(entered) => Some(entered(client)),
        Err(Refused::Gone(error)) => {
            tracing::debug!(%error, "a client left before it was let in");
            None
        }
        Err(Refused::Told(report)) => {
            client.say(&Said::Report(&report));
            let ending = async {
                // It may be gone already.
                let _told: Result<_, _> = client.flush().await;
                client.shutdown().await;
            };
            // It keeps its place, and may lose it, until it is gone.
            let _ended: Result<_, Report> = place.during(ending).await;
            None
        }
    }
}

/// A session that may go on, and its seat.
type Entered = (Box<Conversation>, Seat);

enum Refused {
    Gone(io::Error),
    Told(Report),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Gone(error)
    }
}

impl From<Report> for Refused {
    fn from(report: Report) -> Self {
        Self::Told(report)
    }
}

/// The client is at fault.
pub(super) fn violation(why: impl ToString) -> Report {
    told::fatal(told::VIOLATION, why)
}

/// From the start packet to an open session.
async fn enter(
    door: &PostgresDoor,
    client: &mut Client,
    (start, peer): (Result<Start, Report>, Peer),
    place: &Place,
) -> Result<impl FnOnce(Client) -> Entered + use<>, Refused> {
    let start = start?;
    if peer.protection == Protection::None {
        return Err(unprotected(door.target(), door.0.entrance.tls.as_ref()).into());
    }
    if door.0.entrance.asks_for_certificates && peer.protection != Protection::Tls {
        let report =
            told::fatal("28000", "this door asks for a certificate, and the connection has no TLS to show one by");
        return Err(report.hint("connect with `sslmode=verify-full`, `sslcert` and `sslkey`").into());
    }
    negotiate(client, &start);
    let settings = settings(&start)?;
    let enforcement = &door.0.enforcement;
    let standing = match &door.0.entrance.authentication {
        Authentication::Password => by_password(door, client).await?,
        Authentication::Scram { end_point } => {
            let end_point = end_point.as_deref().filter(|_| peer.protection == Protection::Tls);
            by_scram(door, client, (&start, end_point)).await?
        }
    };
    place.leave();
    let seat = door.0.seats.take(standing.actor.principal.id)?;
    check_database(door, &start)?;
    let target = enforcement.targets().get(door.target()).cloned();
    let target = target.ok_or_else(|| told::fatal("3D000", "the target of this door is no longer configured"))?;
    let way = Way { door: "postgres", address: Some(peer.address) };
    let session = enforcement.open_session(&standing, &target, way).await;
    let session = session.map_err(|refusal| Report {
        severity: protocol::postgres::message::Severity::Fatal,
        ..told::refusal(&refusal, &door.0.reviews)
    })?;
    let unreachable = |failed: Failed| {
        tracing::warn!(target_name = %door.target(), error = %failed, "no session with the upstream");
        told::fatal(told::LOST, failed).hint("an administrator finds the cause in the gateway's own log")
    };
    let mut upstream = door.0.upstream.connect(&settings).await.map_err(unreachable)?;
    let library = Library::open(&mut upstream, &target).await.map_err(unreachable)?;
    let stoppable = door.0.cancels.register();
    let stoppable = stoppable.ok_or_else(|| told::fatal(told::UNAVAILABLE, "the system has no randomness"))?;
    client.say(&Said::LoggedIn);
    for (name, value) in &upstream.settings {
        client.say(&Said::Setting(name, value));
    }
    client.say(&Said::CancelKey { process: stoppable.process, key: stoppable.key });
    client.say(&Said::Ready(upstream.status.byte()));
    client.flush().await?;
    let door = door.clone();
    Ok(move |client| (Box::new(Conversation::new(door, client, (upstream, stoppable), (session, library))), seat))
}

/// Who bears the token that the client sends.
async fn by_password(door: &PostgresDoor, client: &mut Client) -> Result<Standing, Refused> {
    client.say(&Said::PasswordWanted);
    client.flush().await?;
    let token = hear(client, take_password).await?;
    let token = String::from_utf8_lossy(&token);
    let standing = door.0.enforcement.authenticate_token(&token).await;
    Ok(standing.map_err(|failed| not_authenticated(&failed, TOKEN))?)
}

/// Who has the name that the client calls itself, and shows that it has its token.
async fn by_scram(
    door: &PostgresDoor,
    client: &mut Client,
    (start, end_point): (&Start, Option<&[u8]>),
) -> Result<Standing, Refused> {
    let offered: &[Mechanism] =
        if end_point.is_some() { &[Mechanism::Plus, Mechanism::Plain] } else { &[Mechanism::Plain] };
    let names: Vec<&str> = offered.iter().map(|mechanism| mechanism.as_str()).collect();
    client.say(&Said::ProofWanted(&names));
    client.flush().await?;
    let (chosen, words) = hear(client, take_choice).await?;
    let chosen = Mechanism::named(&chosen).filter(|chosen| offered.contains(chosen));
    let chosen = chosen.ok_or_else(|| violation("the client chose a way to prove itself that it was not offered"))?;
    let name = start.parameters.get("user").map_or("", String::as_str);
    let enforcement = &door.0.enforcement;
    let exchange = enforcement.begin_scram(name, (chosen, end_point), &words).await;
    let exchange = exchange.map_err(|failed| not_proven(&failed))?;
    client.say(&Said::Challenge(exchange.challenge()));
    client.flush().await?;
    let words = hear(client, take_proof).await?;
    let (standing, proven) = enforcement.finish_scram(exchange, &words).await.map_err(|failed| not_proven(&failed))?;
    client.say(&Said::ProvenTo(proven.answer()));
    Ok(standing)
}

/// Waits for what `take` takes.
async fn hear<T>(
    client: &mut Client,
    take: impl Fn(&mut BytesMut) -> Result<Option<T>, Malformed>,
) -> Result<T, Refused> {
    loop {
        match take(&mut client.input) {
            Ok(Some(taken)) => return Ok(taken),
            Ok(None) => client.fill().await?,
            Err(malformed) => return Err(violation(malformed).into()),
        }
    }
}

/// From another machine a token comes over TLS or not at all.
fn unprotected(target: &Name, certificate: Option<&Arc<ServerConfig>>) -> Report {
    if certificate.is_some() {
        return told::fatal("28000", "this door takes a token over TLS only, and the connection has none")
            .hint("connect with `sslmode=verify-full`");
    }
    let what = format!(
        "an administrator sets `tls = {{ certificate = \"…\", key = \"…\" }}` for target `{target}` in countersign.toml"
    );
    told::fatal("28000", "this door takes a token over TLS only, and has no certificate to offer").hint(what)
}

/// A later minor version, or options of it, are answered with what is spoken here.
fn negotiate(client: &mut Client, start: &Start) {
    let options: Vec<&str> =
        start.parameters.keys().map(String::as_str).filter(|name| name.starts_with("_pq_.")).collect();
    if start.minor > 0 || !options.is_empty() {
        client.say(&Said::Negotiate(&options));
    }
}

/// The start parameters that go on to the upstream. What is not on the list may change what statements mean.
fn settings(start: &Start) -> Result<BTreeMap<String, String>, Report> {
    let mut settings = BTreeMap::new();
    for (name, value) in &start.parameters {
        match name.as_str() {
            "user" | "database" => {}
            "client_encoding" => {
                let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
                if !["utf8", "unicode"].contains(&plain.to_lowercase().as_str()) {
                    let why = format!("client_encoding `{value}` is not spoken here");
                    return Err(told::fatal("22023", why).hint("use UTF8"));
                }
            }
            "application_name" | "DateStyle" | "datestyle" | "TimeZone" | "timezone" | "extra_float_digits"
            | "IntervalStyle" | "intervalstyle" => {
                settings.insert(name.clone(), value.clone());
            }
            "statement_timeout" => {
                if value.parse().is_ok_and(|timeout: u32| timeout <= LONGEST_TIMEOUT) {
                    settings.insert(name.clone(), value.clone());
                } else {
                    let why = format!("statement_timeout is in milliseconds here, at most {LONGEST_TIMEOUT}");
                    return Err(told::fatal("22023", why));
                }
            }
            name if name.starts_with("_pq_.") => {}
            "replication" => return Err(told::fatal(told::UNSUPPORTED, "replication does not go through the gateway")),
            name => {
                let why = format!("the start parameter `{name}` is not accepted");
                return Err(told::fatal("22023", why).hint("leave it out, and use SET once you are connected"));
            }
        }
    }
    Ok(settings)
}

/// A client that names another database than this door leads to must not believe that it is there.
fn check_database(door: &PostgresDoor, start: &Start) -> Result<(), Report> {
    let (target, database) = (door.target().as_str(), door.0.upstream.database.as_str());
    // Clients that are told of none ask for one named like the user.
    let user = start.parameters.get("user").map_or("", String::as_str);
    let asked = start.parameters.get("database").map_or(user, String::as_str);
    if [target, database, user].contains(&asked) {
        return Ok(());
    }
    let why = format!("there is no database `{asked}` behind this door: it leads to target `{target}`");
    Err(told::fatal("3D000", why).hint(format!("connect to `{target}`")))
}

/// The same words whoever asks: a name, or a token that was once good, is nobody's to learn.
fn not_authenticated(failed: &AuthenticationFailed, hint: &str) -> Report {
    match failed {
        AuthenticationFailed::Wrong => {
            told::fatal("28P01", "the password is not the token of an active agent or pipeline").hint(hint)
        }
        AuthenticationFailed::TooMany(_) => told::fatal(told::TOO_MANY, failed),
        AuthenticationFailed::Unavailable(_) => told::fatal(told::UNAVAILABLE, failed),
    }
}

fn not_proven(failed: &ScramFailed) -> Report {
    match failed {
        ScramFailed::ClientMisbehaved(why) => violation(why),
        ScramFailed::Failed(failed) => not_authenticated(failed, NAME_AND_TOKEN),
    }
}

const TOKEN: &str = "give the token that `countersign agent add` showed once, for example in PGPASSWORD";
const NAME_AND_TOKEN: &str = "the user is the name of the agent or pipeline, and the password the token that `countersign agent \
                              add` showed once";
/// The longest `statement_timeout` that a client may ask for at its start: a day, in milliseconds.
const LONGEST_TIMEOUT: u32 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_without_tls_is_told_what_to_set() {
        let told = unprotected(&"shop".parse().unwrap(), None);
        assert_eq!(told.code, "28000");
        for words in ["`tls = {", "`shop`", "countersign.toml"] {
            assert!(told.hint.contains(words), "{told:?}");
        }
    }
}
