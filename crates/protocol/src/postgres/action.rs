//! What a pipeline asks for, action by action. A Parse alone prepares; a Bind with its Executes runs, with text and
//! values; messages that only describe or close go along. Names are kept as the upstream has them: a name that is not
//! known here is never forwarded.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Format, Parameter, Purpose};

use super::Frame;
use super::message::{Bind, Message, Named, Parse};
use super::result::FIRST_OF_OTHERS;

/// Statements and portals of one session, as far as the upstream has confirmed them.
#[derive(Debug, Default)]
pub struct Names {
    statements: HashMap<String, Prepared>,
    portals: HashMap<String, Portal>,
    /// Bytes of all statements' texts and portals' values.
    bytes: usize,
}

/// A prepared statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Its text, exactly.
    pub text: Arc<str>,
    /// Types of its parameters, as far as the client said.
    pub types: Arc<[u32]>,
}

impl Prepared {
    /// Whether a parameter has a type that is not one of the server's own: making a value of it may run code.
    #[must_use]
    pub fn takes_own_types(&self) -> bool {
        self.types.iter().any(|kind| *kind >= FIRST_OF_OTHERS)
    }
}

/// A statement with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portal {
    /// The statement.
    pub statement: Prepared,
    /// The values.
    pub parameters: Arc<[Parameter]>,
}

/// What a client sent up to its next rest: a Query, or messages up to Sync.
#[derive(Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// In order.
    pub steps: Vec<Step>,
}

/// One step of a pipeline.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// An action.
    Act(Act),
    /// Describing or closing what is known by name.
    Housekeeping(Housekeeping),
}

impl Step {
    /// Names of the statements and portals that it makes or closes.
    pub fn renames(&self) -> impl Iterator<Item = &str> {
        let (replies, named): (&[Reply], Option<&Named>) = match self {
            Self::Act(act) => (&act.replies, None),
            Self::Housekeeping(Housekeeping::Close(named)) => (&[], Some(named)),
            Self::Housekeeping(Housekeeping::Describe(_)) => (&[], None),
        };
        let made = replies.iter().filter_map(|reply| match reply {
            Reply::Parsed(name, _)
            | Reply::Bound(name, _)
            | Reply::Closed(Named::Statement(name) | Named::Portal(name)) => Some(name.as_str()),
            Reply::StatementDescribed | Reply::PortalDescribed | Reply::Executed => None,
        });
        let closed = named.map(|named| match named {
            Named::Statement(name) | Named::Portal(name) => name.as_str(),
        });
        made.chain(closed)
    }
}

/// What touches nothing, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Housekeeping {
    /// Tell what it takes and gives.
    Describe(Named),
    /// Forget it.
    Close(Named),
}

/// One action of a pipeline.
#[derive(Debug, PartialEq, Eq)]
pub struct Act {
    /// Whether the statement runs, or is prepared only.
    pub purpose: Purpose,
    /// The statement.
    pub statement: Prepared,
    /// Its values.
    pub parameters: Arc<[Parameter]>,
    /// The messages, exactly as they came.
    pub bytes: Vec<u8>,
    /// Where among the bytes the first Execute stands, and of which portal; a Query has none.
    pub execute: Option<(usize, String)>,
    /// What the upstream answers, one for each message; a Query has none.
    pub replies: Vec<Reply>,
    /// The prepared statement of before that it binds.
    pub uses: Option<String>,
}

impl Act {
    /// Whether it only goes on with a portal of before.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        matches!(self.execute, Some((0, _)))
    }
}

/// What one message of the extended protocol is answered with, and what it changes then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// ParseComplete: the name means this statement.
    Parsed(String, Prepared),
    /// BindComplete: the name means this portal.
    Bound(String, Portal),
    /// ParameterDescription, then RowDescription or NoData.
    StatementDescribed,
    /// RowDescription or NoData.
    PortalDescribed,
    /// Rows, then CommandComplete, PortalSuspended or EmptyQueryResponse.
    Executed,
    /// CloseComplete.
    Closed(Named),
}

/// The pipeline asks for what cannot be: it is refused whole, before any of it is forwarded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// No such statement.
    #[error("there is no prepared statement named `{0}`")]
    NoStatement(String),
    /// No such portal.
    #[error("there is no portal named `{0}`")]
    NoPortal(String),
    /// Such names are the gateway's own.
    #[error("names that begin with `{RESERVED}` are the gateway's own")]
    Reserved,
    /// The server would cut the name, and take two that begin alike for one.
    #[error("a name of a statement or portal is longer than {NAME_BYTES} bytes")]
    LongName,
    /// More names than one session may have.
    #[error("the session has {STATEMENTS} prepared statements, or {TEXT_BYTES} bytes of them: close some")]
    TooMany,
}

impl Portal {
    fn bytes(&self) -> usize {
        self.parameters.iter().filter_map(|parameter| parameter.value.as_ref().map(Vec::len)).sum()
    }
}

impl Names {
    /// What was confirmed.
    pub fn handle_reply(&mut self, reply: &Reply) {
        match reply {
            Reply::Parsed(name, prepared) => {
                self.forget(name);
                self.bytes += prepared.text.len();
                self.statements.insert(name.clone(), prepared.clone());
            }
            Reply::Bound(name, portal) => {
                self.forget_portal(name);
                self.bytes += portal.bytes();
                self.portals.insert(name.clone(), portal.clone());
            }
            Reply::Closed(Named::Statement(name)) => self.forget(name),
            Reply::Closed(Named::Portal(name)) => self.forget_portal(name),
            Reply::StatementDescribed | Reply::PortalDescribed | Reply::Executed => {}
        }
    }

    /// A Query takes the unnamed statement and portal away.
    pub fn handle_query(&mut self) {
        self.forget("");
        self.forget_portal("");
    }

    /// No transaction is open any more: portals end with it.
    pub fn handle_idle(&mut self) {
        let bytes: usize = self.portals.drain().map(|(_, portal)| portal.bytes()).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn forget_portal(&mut self, name: &str) {
        if let Some(portal) = self.portals.remove(name) {
            self.bytes = self.bytes.saturating_sub(portal.bytes());
        }
    }

    fn forget(&mut self, name: &str) {
        if let Some(prepared) = self.statements.remove(name) {
            self.bytes = self.bytes.saturating_sub(prepared.text.len());
        }
    }

    fn is_full(&self) -> bool {
        self.statements.len() >= STATEMENTS || self.portals.len() >= STATEMENTS || self.bytes >= TEXT_BYTES
    }
}

/// A Query as a pipeline of one action.
#[must_use]
pub fn query(text: String, frame: &Frame) -> Pipeline {
    let act = Act {
        purpose: Purpose::Run,
        statement: Prepared { text: text.into(), types: Arc::from([]) },
        parameters: Arc::from([]),
        bytes: frame.raw.to_vec(),
        execute: None,
        replies: Vec::new(),
        uses: None,
    };
    Pipeline { steps: vec![Step::Act(act)] }
}

/// Puts the messages of a pipeline together.
#[derive(Debug)]
pub struct Building<'n> {
    names: &'n Names,
    /// Names that this pipeline makes or takes away.
    statements: HashMap<String, Option<Prepared>>,
    portals: HashMap<String, Option<Portal>>,
    steps: Vec<Step>,
    /// What the last action prepares or binds: messages that belong to it go along with it.
    open: Open,
}

#[derive(Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Statement(String),
    Portal(String),
}

impl<'n> Building<'n> {
    /// An empty pipeline.
    #[must_use]
    pub fn new(names: &'n Names) -> Self {
        let (statements, portals) = (HashMap::new(), HashMap::new());
        Self { names, statements, portals, steps: Vec::new(), open: Open::Nothing }
    }

    /// Adds a message of the extended protocol; others have no place in a pipeline and change nothing.
    ///
    /// # Errors
    /// If it uses what does not exist.
    pub fn add(&mut self, message: Message, frame: &Frame) -> Result<(), Impossible> {
        let names = names_of(&message);
        if names.iter().any(|name| name.starts_with(RESERVED)) {
            return Err(Impossible::Reserved);
        }
        if names.iter().any(|name| name.len() > NAME_BYTES) {
            return Err(Impossible::LongName);
        }
        match message {
            Message::Parse(parse) => self.parse(parse, frame),
            Message::Bind(bind) => self.bind(bind, frame),
            Message::Execute { portal, .. } => self.execute(portal, frame),
            Message::Describe(named) => self.describe(named, frame),
            Message::Close(named) => {
                self.close(named, frame);
                Ok(())
            }
            Message::Query(_)
            | Message::Sync
            | Message::Flush
            | Message::Terminate
            | Message::Copy
            | Message::FunctionCall => Ok(()),
        }
    }

    /// The pipeline.
    #[must_use]
    pub fn finish(self) -> Pipeline {
        Pipeline { steps: self.steps }
    }

    fn parse(&mut self, Parse { name, text, types }: Parse, frame: &Frame) -> Result<(), Impossible> {
        if self.names.is_full() || self.statements.len() >= STATEMENTS {
            return Err(Impossible::TooMany);
        }
        let statement = Prepared { text: text.into(), types: types.into() };
        self.statements.insert(name.clone(), Some(statement.clone()));
        self.steps.push(Step::Act(Act {
            purpose: Purpose::Prepare,
            parameters: Arc::from([]),
            bytes: frame.raw.to_vec(),
            execute: None,
            replies: vec![Reply::Parsed(name.clone(), statement.clone())],
            statement,
            uses: None,
        }));
        self.open = Open::Statement(name);
        Ok(())
    }

    fn bind(&mut self, bind: Bind, frame: &Frame) -> Result<(), Impossible> {
        let known = match self.statements.get(&bind.statement) {
            Some(changed) => changed.as_ref(),
            None => self.names.statements.get(&bind.statement),
        };
        let statement = known.cloned().ok_or_else(|| Impossible::NoStatement(bind.statement.clone()))?;
        if self.names.is_full() || self.portals.len() >= STATEMENTS {
            return Err(Impossible::TooMany);
        }
        let follows = self.open == Open::Statement(bind.statement.clone());
        let portal = Portal { parameters: parameters(&bind, &statement.types), statement };
        self.portals.insert(bind.portal.clone(), Some(portal.clone()));
        self.open = Open::Portal(bind.portal.clone());
        let reply = Reply::Bound(bind.portal, portal.clone());
        match self.steps.last_mut() {
            // The Parse goes along with the run: one action, text and values.
            Some(Step::Act(act)) if follows => {
                act.purpose = Purpose::Run;
                act.parameters = portal.parameters;
                go_along(act, frame, reply);
            }
            _ => self.run(portal, Some(bind.statement), frame, reply),
        }
        Ok(())
    }

    fn run(&mut self, portal: Portal, uses: Option<String>, frame: &Frame, reply: Reply) {
        self.steps.push(Step::Act(Act {
            purpose: Purpose::Run,
            statement: portal.statement,
            parameters: portal.parameters,
            bytes: frame.raw.to_vec(),
            execute: None,
            replies: vec![reply],
            uses,
        }));
    }

    fn execute(&mut self, name: String, frame: &Frame) -> Result<(), Impossible> {
        let follows = self.open == Open::Portal(name.clone());
        match self.steps.last_mut() {
            Some(Step::Act(act)) if follows => {
                let place = act.bytes.len();
                act.execute.get_or_insert((place, name));
                go_along(act, frame, Reply::Executed);
            }
            // A portal of before, or of an earlier action: it goes on, and is decided again.
            _ => {
                let portal = self.portal(&name)?;
                self.run(portal, None, frame, Reply::Executed);
                if let Some(Step::Act(act)) = self.steps.last_mut() {
                    act.execute = Some((0, name.clone()));
                }
                self.open = Open::Portal(name);
            }
        }
        Ok(())
    }

    fn portal(&self, name: &str) -> Result<Portal, Impossible> {
        let known = match self.portals.get(name) {
            Some(changed) => changed.as_ref(),
            None => self.names.portals.get(name),
        };
        known.cloned().ok_or_else(|| Impossible::NoPortal(name.to_owned()))
    }

    fn describe(&mut self, named: Named, frame: &Frame) -> Result<(), Impossible> {
        let reply = match &named {
            Named::Statement(name) => {
                let gone = matches!(self.statements.get(name), Some(None));
                let made = matches!(self.statements.get(name), Some(Some(_)));
                if gone || !(made || self.names.statements.contains_key(name)) {
                    return Err(Impossible::NoStatement(name.clone()));
                }
                Reply::StatementDescribed
            }
            Named::Portal(name) => {
                self.portal(name)?;
                Reply::PortalDescribed
            }
        };
        self.keep_house(Housekeeping::Describe(named), frame, reply);
        Ok(())
    }

    fn close(&mut self, named: Named, frame: &Frame) {
        match &named {
            Named::Statement(name) => drop(self.statements.insert(name.clone(), None)),
            Named::Portal(name) => drop(self.portals.insert(name.clone(), None)),
        }
        let ends = match (&named, &self.open) {
            (Named::Statement(closed), Open::Statement(open)) | (Named::Portal(closed), Open::Portal(open)) => {
                closed == open
            }
            (Named::Statement(_) | Named::Portal(_), Open::Nothing | Open::Statement(_) | Open::Portal(_)) => false,
        };
        self.keep_house(Housekeeping::Close(named.clone()), frame, Reply::Closed(named));
        if ends {
            self.open = Open::Nothing;
        }
    }

    fn keep_house(&mut self, housekeeping: Housekeeping, frame: &Frame, reply: Reply) {
        match self.steps.last_mut() {
            Some(Step::Act(act)) => go_along(act, frame, reply),
            _ => self.steps.push(Step::Housekeeping(housekeeping)),
        }
    }
}

impl Housekeeping {
    /// What it is answered with.
    #[must_use]
    pub fn reply(&self) -> Reply {
        match self {
            Self::Describe(Named::Statement(_)) => Reply::StatementDescribed,
            Self::Describe(Named::Portal(_)) => Reply::PortalDescribed,
            Self::Close(named) => Reply::Closed(named.clone()),
        }
    }
}

fn go_along(act: &mut Act, frame: &Frame, reply: Reply) {
    act.bytes.extend_from_slice(&frame.raw);
    act.replies.push(reply);
}

fn parameters(bind: &Bind, types: &[u32]) -> Arc<[Parameter]> {
    let format = |number: usize| match bind.formats.as_slice() {
        [] => 0,
        [all] => *all,
        each => each.get(number).copied().unwrap_or(0),
    };
    let parameter = |(number, value): (usize, &Option<Vec<u8>>)| Parameter {
        kind: types.get(number).map_or(String::new(), |number| name_of_type(*number)),
        format: if format(number) == 0 { Format::Text } else { Format::Binary },
        value: value.clone(),
    };
    bind.values.iter().enumerate().map(parameter).collect()
}

/// The name of a built-in type that clients commonly send, or its number.
fn name_of_type(number: u32) -> String {
    let known = [
        (16, "bool"),
        (17, "bytea"),
        (20, "int8"),
        (21, "int2"),
        (23, "int4"),
        (25, "text"),
        (114, "json"),
        (700, "float4"),
        (701, "float8"),
        (1042, "bpchar"),
        (1043, "varchar"),
        (1082, "date"),
        (1114, "timestamp"),
        (1184, "timestamptz"),
        (1700, "numeric"),
        (2950, "uuid"),
        (3802, "jsonb"),
    ];
    match known.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => (*name).to_owned(),
        None if number == 0 => String::new(),
        None => format!("oid {number}"),
    }
}

/// The names of statements and portals in a message.
fn names_of(message: &Message) -> Vec<&str> {
    match message {
        Message::Parse(parse) => vec![&parse.name],
        Message::Bind(bind) => vec![&bind.portal, &bind.statement],
        Message::Execute { portal, .. } => vec![portal],
        Message::Describe(Named::Statement(name) | Named::Portal(name))
        | Message::Close(Named::Statement(name) | Named::Portal(name)) => vec![name],
        Message::Query(_)
        | Message::Sync
        | Message::Flush
        | Message::Terminate
        | Message::Copy
        | Message::FunctionCall => Vec::new(),
    }
}

/// What the names of the gateway's own statements and portals begin with.
pub const RESERVED: &str = "countersign courtesy";
/// Bytes of a name that PostgreSQL tells from others: `NAMEDATALEN - 1`.
const NAME_BYTES: usize = 63;
/// Statements, and portals, that one session may have at a time.
const STATEMENTS: usize = 10_000;
/// Bytes of their texts and values.
const TEXT_BYTES: usize = 32 << 20;

#[cfg(test)]
mod tests;
