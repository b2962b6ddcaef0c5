//! `cargo xtask setup`: makes a fresh machine able to build and test, and says what it found.
//!
//! Looks for programs and libraries, never for package names. Nothing is installed that is already there,
//! so a second run changes nothing; after installing it looks again. Other tasks call `ensure`.

mod install;
mod machine;
mod modules;
mod needs;

use anyhow::{Result, bail};

pub(crate) use self::needs::Purpose;

use self::install::Rights;
use self::machine::Machine;
use self::modules::Modules;
use self::needs::{NEEDS, Need};
use crate::Misuse;

/// What the command line asks for.
#[derive(Debug, PartialEq)]
struct Request {
    purpose: Purpose,
    change: Change,
}

/// May the machine be changed?
#[derive(Debug, PartialEq)]
enum Change {
    Install,
    Nothing,
}

/// One need and where it was found, if it was.
struct Finding {
    need: &'static Need,
    place: Option<String>,
}

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let request = parse(arguments)?;
    let findings = look(request.purpose);
    for finding in &findings {
        println!("{}", describe(finding));
    }
    let packages = missing_packages(&findings);
    if request.change == Change::Nothing && !packages.is_empty() {
        println!("{}", install::advice(&packages));
        bail!("missing: {}", missing(&findings));
    }
    if !packages.is_empty() {
        install_and_look_again(&packages, request.purpose)?;
    }
    ensure_modules(&request)?;
    println!("setup: nothing is missing");
    Ok(())
}

/// Installs what is missing for this purpose; one line when nothing is.
pub(crate) fn ensure(purpose: Purpose) -> Result<()> {
    let findings = look(purpose);
    let packages = missing_packages(&findings);
    if packages.is_empty() {
        eprintln!("setup: all {} programs and libraries are there", findings.len());
    } else {
        for finding in findings.iter().filter(|finding| finding.place.is_none()) {
            eprintln!("{}", describe(finding));
        }
        install_and_look_again(&packages, purpose)?;
    }
    ensure_modules(&Request { purpose, change: Change::Install })
}

/// Only tests run scripts for node.
fn ensure_modules(request: &Request) -> Result<()> {
    let modules = Modules::of_the_tests();
    if request.purpose == Purpose::Build || modules.are_there() {
        return Ok(());
    }
    if request.change == Change::Nothing {
        bail!("missing: packages of npm that the tests' scripts use; `cargo xtask setup` installs them");
    }
    modules.install()
}

fn install_and_look_again(packages: &[&str], purpose: Purpose) -> Result<()> {
    let rights = Rights::of_this_process();
    if !install::possible(rights) {
        eprintln!("{}", install::advice(packages));
        bail!("nothing was installed: run the command above, then this one again");
    }
    install::install(packages, rights)?;
    let findings = look(purpose);
    let still = missing(&findings);
    if !still.is_empty() {
        bail!("still missing after installing {}: {still} (see {})", packages.join(" "), install::log_file().display());
    }
    eprintln!("setup: installed {}", packages.join(" "));
    Ok(())
}

fn look(purpose: Purpose) -> Vec<Finding> {
    let machine = Machine::here();
    NEEDS
        .iter()
        .filter(|need| purpose.includes(need.purpose))
        .map(|need| Finding { need, place: (need.find)(&machine) })
        .collect()
}

fn describe(finding: &Finding) -> String {
    let what = finding.need.what;
    match &finding.place {
        Some(place) => format!("  found    {what:<24} {place}"),
        None => format!("  missing  {what:<24} (Debian package {})", finding.need.package),
    }
}

fn missing(findings: &[Finding]) -> String {
    let names: Vec<&str> =
        findings.iter().filter(|finding| finding.place.is_none()).map(|finding| finding.need.what).collect();
    names.join(", ")
}

fn missing_packages(findings: &[Finding]) -> Vec<&'static str> {
    let mut packages: Vec<&str> =
        findings.iter().filter(|finding| finding.place.is_none()).map(|finding| finding.need.package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn parse(arguments: &[String]) -> Result<Request, Misuse> {
    let mut request = Request { purpose: Purpose::Test, change: Change::Install };
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if word == "--check" {
            request.change = Change::Nothing;
        } else if word == "--for" {
            request.purpose = purpose(words.next().unwrap_or_default())?;
        } else if let Some(name) = word.strip_prefix("--for=") {
            request.purpose = purpose(name)?;
        } else {
            return Err(Misuse(format!("`setup` does not know `{word}`")));
        }
    }
    Ok(request)
}

fn purpose(name: &str) -> Result<Purpose, Misuse> {
    match name {
        "build" => Ok(Purpose::Build),
        "test" => Ok(Purpose::Test),
        _ => Err(Misuse(format!("`--for` is `build` or `test`, not `{name}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(Purpose, Change)> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let request = parse(&words).ok()?;
        Some((request.purpose, request.change))
    }

    #[test]
    fn setup_is_for_tests_and_installs_unless_told_otherwise() {
        assert_eq!(parsed(""), Some((Purpose::Test, Change::Install)));
        assert_eq!(parsed("--check"), Some((Purpose::Test, Change::Nothing)));
        assert_eq!(parsed("--for build"), Some((Purpose::Build, Change::Install)));
        let both = Some((Purpose::Build, Change::Nothing));
        assert_eq!(parsed("--for=build --check"), both);
        assert_eq!(parsed("--for"), None);
        assert_eq!(parsed("--for everything"), None);
        assert_eq!(parsed("--force"), None);
    }

    #[test]
    fn a_package_that_brings_many_programs_is_installed_once() {
        let findings: Vec<Finding> = NEEDS.iter().map(|need| Finding { need, place: None }).collect();
        let packages = missing_packages(&findings);
        let postgres = packages.iter().filter(|name| **name == "postgresql");
        assert_eq!(postgres.count(), 1);
        assert!(missing(&findings).contains("pgbench"));
    }

    #[test]
    fn what_is_there_is_not_installed() {
        let findings: Vec<Finding> =
            NEEDS.iter().map(|need| Finding { need, place: (need.what != "pgbouncer").then(String::new) }).collect();
        assert_eq!(missing_packages(&findings), ["pgbouncer"]);
        assert_eq!(missing(&findings), "pgbouncer");
    }
}
