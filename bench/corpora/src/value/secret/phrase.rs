//! Secrets inside something larger: connection strings, headers, cookies and assignments. Only the secret is marked.

use super::{jwt, password, secret};
use crate::encode::base64;
use crate::random::{BASE62, BASE64_URL, HEX, LOWER, Random};
use crate::value::Kind;

const fn phrase(shape: &'static str, make: fn(&mut Random) -> String) -> Kind {
    Kind { says: SAYS, columns: COLUMNS, ..secret(shape, make) }
}

const fn location(shape: &'static str, make: fn(&mut Random) -> String) -> Kind {
    Kind { says: LOCATION_SAYS, columns: LOCATION_COLUMNS, ..secret(shape, make) }
}

pub(super) const KINDS: &[Kind] = &[
    location("url-postgres", |random| {
        let scheme = random.pick(&["postgres", "postgresql"]);
        format!("{scheme}://{}:⟦{}⟧@{}:5432/shop", user(random), password(random), host(random))
    }),
    location("url-mysql", |random| {
        let scheme = random.pick(&["mysql", "mariadb"]);
        format!("{scheme}://{}:⟦{}⟧@{}/shop?ssl=true", user(random), password(random), host(random))
    }),
    location("url-mongodb", |random| {
        format!("mongodb+srv://{}:⟦{}⟧@{}/admin", user(random), password(random), host(random))
    }),
    location("url-redis", |random| format!("redis://:⟦{}⟧@{}:6379/0", password(random), host(random))),
    location("url-amqp", |random| format!("amqps://{}:⟦{}⟧@{}/vhost", user(random), password(random), host(random))),
    location("url-https", |random| format!("https://{}:⟦{}⟧@{}/api/v2", user(random), password(random), host(random))),
    location("dsn-keywords", |random| {
        format!("host={} user={} password=⟦{}⟧ dbname=shop", host(random), user(random), password(random))
    }),
    location("ado-net", |random| {
        let key = random.pick(&["Password", "Pwd"]);
        format!(
            "Server={};Database=shop;User Id={};{key}=⟦{}⟧;Encrypt=true",
            host(random),
            user(random),
            password(random)
        )
    }),
    location("azure-storage-string", |random| {
        let key = base64(&random.bytes(64));
        format!(
            "DefaultEndpointsProtocol=https;AccountName={};AccountKey=⟦{key}⟧;EndpointSuffix=core.windows.net",
            user(random)
        )
    }),
    phrase("authorization-bearer", |random| format!("Authorization: Bearer ⟦{}⟧", random.text(BASE64_URL, 40))),
    phrase("authorization-jwt", |random| format!("Authorization: Bearer ⟦{}⟧", jwt(random))),
    phrase("authorization-basic", |random| {
        let pair = format!("{}:{}", user(random), password(random));
        format!("Authorization: Basic ⟦{}⟧", base64(pair.as_bytes()))
    }),
    phrase("cookie", |random| {
        let name = random.pick(&["sessionid", "JSESSIONID", "sid", "PHPSESSID"]);
        format!("Cookie: {name}=⟦{}⟧", random.text(BASE62, 32))
    }),
    phrase("set-cookie", |random| {
        format!("Set-Cookie: session=⟦{}⟧; Path=/; HttpOnly; Secure", random.text(BASE64_URL, 43))
    }),
    phrase("assign-env", |random| {
        let name = random.pick(&["DB_PASSWORD", "PASSWORD", "SECRET_KEY", "API_KEY", "ADMIN_PASSWORD"]);
        format!("{name}=⟦{}⟧", password(random))
    }),
    phrase("assign-quoted", |random| {
        let name = random.pick(&["password", "secret", "api_key", "passwd", "auth_token"]);
        format!("{name} = '⟦{}⟧'", password(random))
    }),
    phrase("assign-yaml", |random| {
        let name = random.pick(&["password", "clientSecret", "adminPassword", "secret_key"]);
        format!("{name}: ⟦{}⟧", password(random))
    }),
    phrase("assign-query", |random| {
        let name = random.pick(&["access_token", "api_key", "token", "client_secret"]);
        format!("/v1/items?page=2&{name}=⟦{}⟧", random.text(BASE62, 32))
    }),
    phrase("assign-option", |random| format!("mytool login --user {} --password ⟦{}⟧", user(random), password(random))),
    phrase("assign-hex", |random| {
        let name = random.pick(&["secret_key", "api_key", "encryption_key"]);
        format!("{name}=⟦{}⟧", random.text(HEX, 48))
    }),
];

fn user(random: &mut Random) -> String {
    random.pick(&["app", "reporting", "svc_orders", "etl", "readonly"]).to_owned()
}

fn host(random: &mut Random) -> String {
    format!("{}.{}.internal", random.pick(&["db", "cache", "mq", "pg1"]), random.text(LOWER, 4))
}

const SAYS: &[&str] = &["config", "request", "setting", "header"];
const COLUMNS: &[&str] = &["config", "message", "payload", "request", "note"];
const LOCATION_SAYS: &[&str] = &["connection string", "database url", "dsn"];
const LOCATION_COLUMNS: &[&str] = &["connection_string", "database_url", "dsn", "config"];
