//! The way in: one host after the other until one lets the gateway in, each protected as the configuration has it, each
//! asking for a proof that it allows. By SCRAM the server proves that it knows the password, too. What a server says
//! before it is trusted is nobody's words.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::{Buf as _, BytesMut};
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use postgres_protocol::message::frontend;
use protocol::postgres::Frame;
use protocol::postgres::result::{Fault, Status};
use secrecy::ExposeSecret as _;

use super::dial::Stop;
use super::{Binding, CONNECT, Connection, Failed, Host, PostgresUpstream, Proof, READ, Underway, Wanted};

impl PostgresUpstream {
    /// Connects to the first host that can be reached and will do, and logs in. `settings` are start parameters, checked by
    /// the door.
    ///
    /// # Errors
    /// If none can be reached in time, or is who it should be; if one does not let the gateway in.
    pub async fn connect(self: &Arc<Self>, settings: &BTreeMap<String, String>) -> Result<Connection, Failed> {
        let share = CONNECT / u32::try_from(self.hosts.len()).unwrap_or(u32::MAX).max(1);
        let mut last = Failed::Unreachable("no host is configured".to_owned());
        for host in &self.hosts {
            let entered = tokio::time::timeout(share, self.log_in(host, settings)).await;
            let late = || Failed::Unreachable(format!("it did not answer within {} s", share.as_secs()));
            match entered.unwrap_or_else(|_| Err(late())) {
                // Another host may be there: this one is gone, or not the one that is wanted. What it says of the gateway's
                // login, another would say, too.
                Err(failed @ (Failed::Unreachable(_) | Failed::Lost(_))) => {
                    tracing::warn!(target_name = %self.target, %host, error = %failed, "a host of the upstream cannot be used");
                    last = failed;
                }
                settled => return settled,
            }
        }
        Err(last)
    }

    async fn log_in(self: &Arc<Self>, host: &Host, settings: &BTreeMap<String, String>) -> Result<Connection, Failed> {
        let dialled = host.dial(&self.protection).await?;
        let (upstream, certified) = (Arc::clone(self), host.certified.clone());
        let mut connection = Connection {
            reader: dialled.reader,
            writer: dialled.writer,
            input: BytesMut::new(),
            output: BytesMut::new(),
            unflushed: false,
            next_read: READ,
            pipeline: Underway::Nothing,
            passing: 0,
            prepared: HashSet::new(),
            aside: Vec::new(),
            settings: BTreeMap::new(),
            copies_in: false,
            settings_moved: false,
            status: Status::Idle,
            stop: Stop { upstream, address: dialled.address, certified, process: 0, key: 0 },
        };
        let ours = [("user", self.role.as_str()), ("database", self.database.as_str()), ("client_encoding", "UTF8")];
        let theirs = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        frontend::startup_message(ours.into_iter().chain(theirs), &mut connection.output)?;
        let mut proof = Progress::Outstanding(dialled.end_point);
        loop {
            let frame = connection.message().await?;
            match frame.tag {
                b'R' => proof = self.authenticate(&mut connection, &frame, proof)?,
                b'K' => {
                    let mut body = frame.body();
                    if body.len() == 8 {
                        (connection.stop.process, connection.stop.key) = (body.get_i32(), body.get_i32());
                    }
                }
                b'E' => return Err(self.refused(&Fault::read(&frame))),
                b'Z' if matches!(proof, Progress::Given) => break,
                b'S' | b'N' => {}
                tag => return Err(Failed::Misbehaved(format!("message {tag:#04x} during login"))),
            }
        }
        // Encodings in which a quote may be half of a character are never spoken.
        if connection.settings.get("client_encoding").is_none_or(|encoding| encoding != "UTF8") {
            return Err(Failed::Misbehaved("it does not speak UTF8".to_owned()));
        }
        self.wanted.check(&connection.settings).map_err(Failed::Unreachable)?;
        Ok(connection)
    }

    /// One step of the login. The server is in only when it has proved itself, as far as the configuration asks for that.
    fn authenticate(&self, connection: &mut Connection, frame: &Frame, proof: Progress) -> Result<Progress, Failed> {
        let mut body = frame.body();
        if body.len() < 4 {
            return Err(shut_out("its login is not PostgreSQL's"));
        }
        match (body.get_i32(), proof) {
            (OK, Progress::Outstanding(_)) if self.allows(Proof::None) => Ok(Progress::Given),
            (OK, Progress::Shown) => Ok(Progress::Given),
            (OK, _) => Err(shut_out("it let the gateway in without proving that it knows the password")),
            (SASL, Progress::Outstanding(end_point)) if self.allows(Proof::Scram) => {
                let (mechanism, binding) = self.mechanism(body, end_point)?;
                let scram = ScramSha256::new(self.password()?, binding);
                frontend::sasl_initial_response(mechanism, scram.message(), &mut connection.output)?;
                Ok(Progress::Asked(Box::new(scram)))
            }
            (SASL_CONTINUE, Progress::Asked(mut scram)) => {
                scram.update(body).map_err(shut_out)?;
                frontend::sasl_response(scram.message(), &mut connection.output)?;
                Ok(Progress::Answered(scram))
            }
            (SASL_FINAL, Progress::Answered(mut scram)) => {
                scram.finish(body).map_err(shut_out)?;
                Ok(Progress::Shown)
            }
            (MD5, Progress::Outstanding(_)) if self.allows(Proof::Md5) => {
                let salt = body.try_into().map_err(|_| shut_out("its login is not PostgreSQL's"))?;
                let hash = md5_hash(self.role.as_bytes(), self.password()?, salt);
                frontend::password_message(hash.as_bytes(), &mut connection.output)?;
                Ok(Progress::Shown)
            }
            (PASSWORD, Progress::Outstanding(_)) if self.allows(Proof::Password) => {
                frontend::password_message(self.password()?, &mut connection.output)?;
                Ok(Progress::Shown)
            }
            (asked, _) => {
                let asks = match asked {
                    SASL => "SCRAM",
                    MD5 => "MD5",
                    PASSWORD => "the password as it is",
                    _ => "a proof that is not spoken here",
                };
                let words = "`require_auth` in `upstream` does not allow that";
                Err(shut_out(format!(
                    "it asks for {asks}, and {words}: set `scram-sha-256` in its pg_hba.conf, and `password` here"
                )))
            }
        }
    }

    /// How SCRAM is spoken: bound to the server's certificate where both sides can.
    fn mechanism(&self, offered: &[u8], end_point: Option<Vec<u8>>) -> Result<(&'static str, ChannelBinding), Failed> {
        let offers = |name: &str| offered.split(|byte| *byte == 0).any(|offered| offered == name.as_bytes());
        match (self.binding, end_point) {
            (Binding::Preferred | Binding::Required, Some(hash)) if offers(SCRAM_SHA_256_PLUS) => {
                Ok((SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash)))
            }
            (Binding::Required, Some(_)) => Err(shut_out("it does not offer SCRAM-SHA-256-PLUS")),
            (Binding::Required, None) => Err(shut_out(
                "nothing can be bound to its certificate: that is signed without a hash function of its own",
            )),
            (_, end_point) if offers(SCRAM_SHA_256) => {
                // Said to a server that could do better, this tells it that somebody in between took its offer away.
                let could = self.binding == Binding::Preferred && end_point.is_some();
                let binding = if could { ChannelBinding::unrequested() } else { ChannelBinding::unsupported() };
                Ok((SCRAM_SHA_256, binding))
            }
            _ => Err(shut_out("it does not offer SCRAM-SHA-256")),
        }
    }

    fn allows(&self, proof: Proof) -> bool {
        self.proofs.contains(&proof)
    }

    fn password(&self) -> Result<&[u8], Failed> {
        let password = self.password.as_ref().ok_or_else(|| shut_out("it asks for a password and none is set"))?;
        Ok(password.expose_secret().as_bytes())
    }

    fn refused(&self, fault: &Fault) -> Failed {
        tracing::warn!(target_name = %self.target, code = %fault.code, message = %fault.message, "the upstream refused the login");
        let why = format!("it refused the gateway's login ({})", fault.code);
        // It starts or stops: another host may do.
        if fault.code == CANNOT_CONNECT_NOW { Failed::Unreachable(why) } else { Failed::ShutOut(why) }
    }
}

impl Wanted {
    /// Whether a server that reports these settings will do.
    fn check(self, settings: &BTreeMap<String, String>) -> Result<(), String> {
        if self == Self::Any {
            return Ok(());
        }
        let is_on = |name: &str| {
            let value = settings.get(name).map(|value| value == "on");
            value.ok_or_else(|| format!("it does not report `{name}`: `target_session_attrs` needs PostgreSQL 14"))
        };
        let (standby, read_only) = (is_on("in_hot_standby")?, is_on("default_transaction_read_only")?);
        let (will_do, wanted) = match self {
            Self::Any => (true, "any"),
            Self::ReadWrite => (!standby && !read_only, "one that takes writes"),
            Self::ReadOnly => (standby || read_only, "one that takes none"),
            Self::Primary => (!standby, "a primary"),
            Self::Standby => (standby, "a standby"),
        };
        if will_do { Ok(()) } else { Err(format!("it is not what is wanted: {wanted}")) }
    }
}

fn shut_out(why: impl ToString) -> Failed {
    Failed::ShutOut(why.to_string())
}

/// How far the two have proved themselves.
enum Progress {
    /// Not at all; what SCRAM can be bound to.
    Outstanding(Option<Vec<u8>>),
    Asked(Box<ScramSha256>),
    Answered(Box<ScramSha256>),
    Shown,
    Given,
}

const OK: i32 = 0;
const PASSWORD: i32 = 3;
const MD5: i32 = 5;
const SASL: i32 = 10;
const SASL_CONTINUE: i32 = 11;
const SASL_FINAL: i32 = 12;
/// `cannot_connect_now`
const CANNOT_CONNECT_NOW: &str = "57P03";
