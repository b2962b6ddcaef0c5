//! The commands, each in a file of its own; this one holds the command line and what every command shares.

mod audit;
mod check;
mod demo;
mod directory;
mod init;
mod mask;
mod policy;
mod propose;
mod reviews;
mod serve;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use secrecy::SecretString;
use serde_json::Value;

use crate::client::Client;
use crate::terminal;

/// Agents propose. People countersign.
///
/// One gateway between AI agents, pipelines and people on one side and databases on the other: every
/// action is judged by policy, held for a person where policy says so, run once, and recorded.
///
/// Start here:  countersign demo
#[derive(Debug, Parser)]
#[command(name = "countersign", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Answer in JSON, for scripts.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell the main story on a throw-away gateway: an agent reads, is held, a person decides, the log proves it.
    Demo(demo::Demo),
    /// Make a commented configuration, starter policies, fresh keys and the first person.
    Init(init::Init),
    /// Run the gateway.
    Serve(serve::Serve),
    /// Validate configuration and policies; mistakes point at their line.
    Check(check::Check),
    /// Add, list and revoke agents and pipelines.
    #[command(subcommand)]
    Agent(directory::Agent),
    /// Add, list and revoke people.
    #[command(subcommand)]
    Person(directory::Person),
    /// List, show and settle reviews.
    #[command(subcommand)]
    Reviews(reviews::Reviews),
    /// Propose an action and wait for it. Exit code: 0 ran, 3 rejected, 4 expired, 5 denied; 1 anything else.
    Propose(propose::Propose),
    /// Look into policies.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Search, show and verify the audit log.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Mask a file as values on their way to an agent are masked, or say what would be and why.
    Mask(mask::Mask),
}

/// Where the gateway is.
#[derive(Debug, Args)]
pub(crate) struct Where {
    /// The gateway's address.
    #[arg(long, env = "COUNTERSIGN_URL", default_value = "http://127.0.0.1:7700")]
    url: String,
}

/// Which person calls. The passphrase is typed for each command and never stored.
#[derive(Debug, Args)]
pub(crate) struct AsPerson {
    #[command(flatten)]
    at: Where,
    /// Who you are.
    #[arg(long = "as", env = "COUNTERSIGN_PERSON", value_name = "NAME")]
    person: String,
    /// Take the passphrase from standard input instead of the terminal.
    #[arg(long)]
    passphrase_stdin: bool,
}

impl AsPerson {
    /// Asks for the passphrase and gives a client that proves it with every call.
    fn client(&self) -> anyhow::Result<Client> {
        let prompt = format!("passphrase of {}: ", self.person);
        let passphrase: SecretString = terminal::passphrase(&prompt, self.passphrase_stdin)?;
        Client::person(&self.at.url, &self.person, &passphrase)
    }
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub(crate) struct WithConfig {
    /// The configuration file.
    #[arg(long, default_value = "countersign.toml", env = "COUNTERSIGN_CONFIG")]
    config: PathBuf,
}

/// Runs a command.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    let json = cli.json;
    match cli.command {
        Command::Demo(command) => command.run().await,
        Command::Init(command) => command.run(json).await,
        Command::Serve(command) => command.run().await,
        Command::Check(command) => command.run(json).await,
        Command::Agent(command) => command.run(json).await,
        Command::Person(command) => command.run(json).await,
        Command::Reviews(command) => command.run(json).await,
        Command::Propose(command) => command.run(json).await,
        Command::Policy(command) => command.run(json).await,
        Command::Audit(command) => command.run(json).await,
        Command::Mask(command) => command.run(json),
    }
}

/// Prints JSON for scripts, or what `human` says for people.
fn tell(json: bool, value: &Value, human: impl FnOnce(&Value) -> String) {
    let text = if json { value.to_string() } else { human(value).trim_end().to_owned() };
    terminal::say(&text);
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;
    use clap::{Command, CommandFactory as _};

    use super::Cli;

    /// The same commands, whatever the environment holds.
    fn anywhere(command: Command) -> Command {
        command.mut_args(|argument| argument.hide_env_values(true)).mut_subcommands(anywhere)
    }

    /// What `--help` says of a command, and of all below it.
    fn help(whole: &Command, command: &Command, path: &[&str], text: &mut String) {
        let told = whole.clone().try_get_matches_from(path.iter().chain(&["--help"])).unwrap_err();
        assert_eq!(told.kind(), ErrorKind::DisplayHelp);
        text.push_str(&format!("$ {} --help\n{told}\n", path.join(" ")));
        for below in command.get_subcommands() {
            help(whole, below, &[path, &[below.get_name()]].concat(), text);
        }
    }

    #[test]
    fn the_help_of_every_command_is_the_golden_one() {
        let (whole, mut text) = (anywhere(Cli::command()), String::new());
        help(&whole, &whole, &["countersign"], &mut text);
        crate::golden::hold("cli.txt", &text);
    }
}
