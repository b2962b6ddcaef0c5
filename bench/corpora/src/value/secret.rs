//! Secrets by provider, put together from pieces: no whole one stands in the source.

mod phrase;

use super::{Kind, Need};
use crate::digest::crc32;
use crate::encode::{base62_six, base64, base64_url, hex};
use crate::random::{BASE62, BASE64, BASE64_URL, DIGITS, HEX, LOWER, LOWER_DIGITS, Random, UPPER_DIGITS};

pub(super) const fn secret(shape: &'static str, make: fn(&mut Random) -> String) -> Kind {
    Kind { class: "secret", shape, need: Need::Nothing, says: SAYS, columns: COLUMNS, make }
}

pub(super) const PHRASES: &[Kind] = phrase::KINDS;

pub(super) const KINDS: &[Kind] = &[
    secret("aws-key-id", |random| {
        format!("{}{}", random.pick(&["AKIA", "ASIA"]), random.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16))
    }),
    Kind {
        need: Need::Context,
        says: &["aws_secret_access_key", "AWS secret", "secret access key"],
        columns: &["aws_secret_access_key", "secret_access_key"],
        ..secret("aws-secret", |random| random.text(BASE64, 40))
    },
    secret("google-api", |random| format!("AIza{}", random.text(BASE64_URL, 35))),
    secret("google-oauth", |random| format!("GOCSPX-{}", random.text(BASE64_URL, 28))),
    Kind {
        need: Need::Context,
        says: &["AccountKey", "storage account key"],
        columns: &["account_key", "storage_account_key"],
        ..secret("azure-storage", |random| base64(&random.bytes(64)))
    },
    secret("azure-client", |random| format!("{}8Q~{}", random.text(BASE62, 3), random.text(BASE62, 34))),
    secret("github", |random| {
        let prefix = random.pick(&["ghp_", "gho_", "ghu_", "ghs_", "ghr_"]);
        let body = random.text(BASE62, 30);
        format!("{prefix}{body}{}", base62_six(crc32(body.as_bytes())))
    }),
    secret("github-fine", |random| format!("github_pat_{}_{}", random.text(BASE62, 22), random.text(BASE62, 59))),
    secret("gitlab", |random| format!("glpat-{}", random.text(BASE64_URL, 20))),
    secret("slack-token", |random| {
        let prefix = random.pick(&["xoxb-", "xoxp-"]);
        format!("{prefix}{}-{}-{}", random.figure(12), random.figure(12), random.text(BASE62, 24))
    }),
    secret("slack-webhook", |random| {
        let (team, hook) = (random.text(UPPER_DIGITS, 8), random.text(UPPER_DIGITS, 8));
        format!("https://hooks.slack.com/services/T{team}/B{hook}/{}", random.text(BASE62, 24))
    }),
    secret("teams-webhook", |random| {
        let id = |random: &mut Random| uuid(random);
        let (tenant, group, owner) = (id(random), id(random), id(random));
        format!(
            "https://contoso.webhook.office.com/webhookb2/{tenant}@{group}/IncomingWebhook/{}/{owner}",
            random.text(HEX, 32)
        )
    }),
    secret("stripe", |random| {
        let (kind, mode) = (random.pick(&["sk", "rk"]), random.pick(&["live", "test"]));
        format!("{kind}_{mode}_{}", random.text(BASE62, 24))
    }),
    secret("openai", |random| {
        format!("sk-proj-{}T3BlbkFJ{}", random.text(BASE64_URL, 74), random.text(BASE64_URL, 74))
    }),
    secret("openai-old", |random| format!("sk-{}T3BlbkFJ{}", random.text(BASE62, 20), random.text(BASE62, 20))),
    secret("anthropic", |random| format!("sk-ant-api03-{}AA", random.text(BASE64_URL, 93))),
    secret("huggingface", |random| {
        format!("hf_{}", random.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", 34))
    }),
    secret("npm", |random| {
        let body = random.text(BASE62, 30);
        format!("npm_{body}{}", base62_six(crc32(body.as_bytes())))
    }),
    secret("pypi", |random| format!("pypi-AgEIcHlwaS5vcmc{}", random.text(BASE64_URL, 120))),
    secret("rubygems", |random| format!("rubygems_{}", random.text(HEX, 48))),
    secret("docker", |random| format!("dckr_pat_{}", random.text(BASE64_URL, 27))),
    secret("sendgrid", |random| format!("SG.{}.{}", random.text(BASE64_URL, 22), random.text(BASE64_URL, 43))),
    Kind {
        need: Need::Context,
        says: &["mailgun api key", "MAILGUN_API_KEY"],
        columns: &["mailgun_api_key", "mailgun_key"],
        ..secret("mailgun", |random| format!("key-{}", random.text(HEX, 32)))
    },
    secret("twilio", |random| format!("SK{}", random.text(HEX, 32))),
    secret("digitalocean", |random| format!("dop_v1_{}", random.text(HEX, 64))),
    secret("shopify", |random| format!("shpat_{}", random.text(HEX, 32))),
    secret("databricks", |random| format!("dapi{}", random.text(HEX, 32))),
    secret("telegram", |random| format!("{}:AA{}", random.figure(10), random.text(BASE64_URL, 33))),
    secret("vault", |random| format!("hvs.{}", random.text(BASE64_URL, 95))),
    secret("jwt", jwt),
    secret("pem", |random| {
        let kind = random.pick(&["RSA ", "EC ", "", "ENCRYPTED "]);
        pem(random, &format!("{kind}PRIVATE KEY"), "MII", 12)
    }),
    secret("openssh", |random| pem(random, "OPENSSH PRIVATE KEY", "b3BlbnNzaC1rZXktdjEAAAAA", 6)),
];

pub(crate) fn uuid(random: &mut Random) -> String {
    let (first, second, last) = (random.text(HEX, 8), random.text(HEX, 4), random.text(HEX, 12));
    format!("{first}-{second}-4{}-{}{}-{last}", random.text(HEX, 3), random.text("89ab", 1), random.text(HEX, 3))
}

pub(super) fn jwt(random: &mut Random) -> String {
    let algorithm = random.pick(&["HS256", "RS256", "ES256"]);
    let header = format!("{{\"alg\":\"{algorithm}\",\"typ\":\"JWT\"}}");
    let (subject, issued) = (random.figure(8), random.within(1_700_000_000..=1_790_000_000));
    let claims = format!("{{\"sub\":\"{subject}\",\"iat\":{issued},\"scope\":\"read\"}}");
    let length = if algorithm == "RS256" { 256 } else { 32 };
    let signature = random.bytes(length);
    format!("{}.{}.{}", base64_url(header.as_bytes()), base64_url(claims.as_bytes()), base64_url(&signature))
}

/// A private key in its armour.
fn pem(random: &mut Random, label: &str, start: &str, lines: usize) -> String {
    let dashes = "-".repeat(5);
    let mut out = format!("{dashes}BEGIN {label}{dashes}\n{start}{}\n", random.text(BASE64, 64 - start.len()));
    for _ in 0..lines {
        out += &random.text(BASE64, 64);
        out.push('\n');
    }
    out + &format!("{}==\n{dashes}END {label}{dashes}", random.text(BASE64, 22))
}

/// A password as a person or a program chooses it.
pub(super) fn password(random: &mut Random) -> String {
    match random.below(4) {
        0 => {
            let (upper, low) = (random.text("ABCDEFGHJKLMNPQRSTUVWXYZ", 2), random.text(LOWER, 4));
            format!(
                "{upper}{low}{}{}{}",
                random.pick(&["!", "#", "_", "$"]),
                random.text(DIGITS, 3),
                random.text(BASE62, 4)
            )
        }
        1 => random.text(BASE62, 20),
        2 => format!("{}-{}", random.text(LOWER_DIGITS, 6), random.text(BASE62, 8)),
        _ => hex(&random.bytes(6)) + &random.text("GHJKMNPQRSTVWXYZ", 4),
    }
}

const SAYS: &[&str] = &["token", "api key", "secret", "key", "credential", "API token"];
const COLUMNS: &[&str] = &["api_key", "token", "secret", "access_token", "credential", "apiToken"];
