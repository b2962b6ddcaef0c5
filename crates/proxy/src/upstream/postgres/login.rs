//! The way in: TLS with the server verified, then SCRAM, in which the server proves that it knows the password, too.
//! What a server says before that is nobody's words.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Arc;

use bytes::{Buf as _, BytesMut};
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend;
use protocol::postgres::Frame;
use protocol::postgres::result::{Fault, Status};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use super::{CONNECT, Connection, Failed, PostgresUpstream, Protection, Stop, Underway, dial_tcp};

type Halves = (Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>);

impl PostgresUpstream {
    /// Connects and logs in. `settings` are start parameters, checked by the door.
    ///
    /// # Errors
    /// If it cannot be reached in time, is not who it should be, or does not let the gateway in.
    pub async fn connect(self: &Arc<Self>, settings: &BTreeMap<String, String>) -> Result<Connection, Failed> {
        match tokio::time::timeout(CONNECT, self.log_in(settings)).await {
            Ok(connection) => connection,
            Err(_) => Err(Failed::Unreachable(format!("it did not answer within {} s", CONNECT.as_secs()))),
        }
    }

    /// A protected connection, before anything is said on it.
    pub(super) async fn dial(&self) -> Result<Halves, Failed> {
        let unreachable = |error: io::Error| Failed::Unreachable(error.to_string());
        let mut stream = dial_tcp(&self.host, self.port).await.map_err(unreachable)?;
        let Protection::Verified(config, name) = &self.protection else {
            let (reader, writer) = stream.into_split();
            return Ok((Box::new(reader), Box::new(writer)));
        };
        let mut request = BytesMut::new();
        frontend::ssl_request(&mut request);
        stream.write_all(&request).await.map_err(unreachable)?;
        // One byte and no more: whatever stands behind it was not said by TLS.
        match stream.read_u8().await.map_err(unreachable)? {
            b'S' => {}
            _ => return Err(Failed::Unreachable("it does not speak TLS".to_owned())),
        }
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name.clone(), stream).await.map_err(unreachable)?;
        let (reader, writer) = tokio::io::split(stream);
        Ok((Box::new(reader), Box::new(writer)))
    }

    async fn log_in(self: &Arc<Self>, settings: &BTreeMap<String, String>) -> Result<Connection, Failed> {
        let (reader, writer) = self.dial().await?;
        let mut connection = Connection {
            reader,
            writer,
            input: BytesMut::new(),
            output: BytesMut::new(),
            unflushed: false,
            pipeline: Underway::Nothing,
            passing: 0,
            prepared: HashSet::new(),
            aside: Vec::new(),
            settings: BTreeMap::new(),
            copies_in: false,
            settings_moved: false,
            status: Status::Idle,
            stop: Stop { upstream: Arc::clone(self), process: 0, key: 0 },
        };
        let ours = [("user", self.role.as_str()), ("database", self.database.as_str()), ("client_encoding", "UTF8")];
        let theirs = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        frontend::startup_message(ours.into_iter().chain(theirs), &mut connection.output)?;
        let mut proof = Proof::Outstanding;
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
                b'Z' if matches!(proof, Proof::Given) => break,
                b'S' | b'N' => {}
                tag => return Err(Failed::Misbehaved(format!("message {tag:#04x} during login"))),
            }
        }
        // Encodings in which a quote may be half of a character are never spoken.
        match connection.settings.get("client_encoding") {
            Some(encoding) if encoding == "UTF8" => Ok(connection),
            _ => Err(Failed::Misbehaved("it does not speak UTF8".to_owned())),
        }
    }

    /// One step of the login. The server is in only when it has proved itself.
    fn authenticate(&self, connection: &mut Connection, frame: &Frame, proof: Proof) -> Result<Proof, Failed> {
        let mut body = frame.body();
        let bad = |what: &str| Failed::Unreachable(what.to_owned());
        if body.len() < 4 {
            return Err(bad("its login is not PostgreSQL's"));
        }
        match (body.get_i32(), proof) {
            (OK, Proof::Outstanding) if self.password.is_none() => Ok(Proof::Given),
            (OK, Proof::Shown) => Ok(Proof::Given),
            (OK, _) => Err(bad("it let the gateway in without proving that it knows the password")),
            (SASL, Proof::Outstanding) => {
                let offered = body.split(|byte| *byte == 0).any(|name| name == SCRAM_SHA_256.as_bytes());
                let password = self.password.as_ref().ok_or_else(|| bad("it asks for a password and none is set"))?;
                if !offered {
                    return Err(bad("it does not offer SCRAM-SHA-256"));
                }
                let scram = ScramSha256::new(password.expose_secret().as_bytes(), ChannelBinding::unsupported());
                frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut connection.output)?;
                Ok(Proof::Asked(Box::new(scram)))
            }
            (SASL_CONTINUE, Proof::Asked(mut scram)) => {
                scram.update(body).map_err(|error| Failed::Unreachable(error.to_string()))?;
                frontend::sasl_response(scram.message(), &mut connection.output)?;
                Ok(Proof::Answered(scram))
            }
            (SASL_FINAL, Proof::Answered(mut scram)) => {
                scram.finish(body).map_err(|error| Failed::Unreachable(error.to_string()))?;
                Ok(Proof::Shown)
            }
            _ => Err(bad("it asks for a login other than SCRAM-SHA-256: set `scram-sha-256` in its pg_hba.conf")),
        }
    }

    fn refused(&self, fault: &Fault) -> Failed {
        tracing::warn!(target_name = %self.target, code = %fault.code, message = %fault.message, "the upstream refused the login");
        Failed::Unreachable(format!("it refused the gateway's login ({})", fault.code))
    }
}

/// How far the server has proved that it knows the password.
enum Proof {
    Outstanding,
    Asked(Box<ScramSha256>),
    Answered(Box<ScramSha256>),
    Shown,
    Given,
}

const OK: i32 = 0;
const SASL: i32 = 10;
const SASL_CONTINUE: i32 = 11;
const SASL_FINAL: i32 = 12;
