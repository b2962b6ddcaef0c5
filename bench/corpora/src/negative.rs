//! Clean cells by family, under names that fit them: what a column of an ordinary database holds and no detector should
//! report. Numbers of books and goods (ISBN, EAN) count as clean: their columns say what they are.

use crate::encode::{base64, hex};
use crate::random::{BASE62, HEX, LOWER, LOWER_DIGITS, Random, UPPER, UPPER_HEX};
use crate::value::uuid;

/// A clean cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negative {
    /// What it is one of.
    pub family: &'static str,
    /// The name of its column.
    pub column: &'static str,
    /// What is scanned.
    pub text: String,
}

/// So many cells of every family.
pub fn negatives(seed: u64, each: usize) -> Vec<Negative> {
    let mut random = Random::new(seed);
    let mut cells = Vec::new();
    for Family(family, columns, make) in FAMILIES {
        for _ in 0..each {
            cells.push(Negative { family, column: random.pick(columns), text: make(&mut random) });
        }
    }
    cells
}

struct Family(&'static str, &'static [&'static str], fn(&mut Random) -> String);

const FAMILIES: &[Family] = &[
    Family("uuid", &["id", "order_id", "uuid"], uuid),
    Family("uuid-plain", &["id", "request_id", "trace"], |random| random.text(HEX, 32)),
    Family("ulid", &["id", "event_id"], |random| format!("01{}", random.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24))),
    Family("nanoid", &["id", "slug"], |random| {
        random.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", 21)
    }),
    Family("commit", &["commit", "sha", "revision"], |random| {
        let length = random.pick(&[7, 8, 12, 40, 40]);
        random.text(HEX, length)
    }),
    Family("docker-digest", &["image", "digest"], |random| format!("sha256:{}", random.text(HEX, 64))),
    Family("md5", &["checksum", "etag"], |random| random.text(HEX, 32)),
    Family("serial", &["id", "row_id", "parent_id"], |random| {
        let length = random.within(1..=9) as usize;
        random.figure(length)
    }),
    Family("snowflake", &["id", "tweet_id", "message_id"], |random| format!("1{}", random.digits(18))),
    Family("epoch-seconds", &["created", "ts", "updated_at"], |random| {
        random.within(1_500_000_000..=1_800_000_000).to_string()
    }),
    Family("epoch-millis", &["created_ms", "ts"], |random| {
        random.within(1_500_000_000_000..=1_800_000_000_000).to_string()
    }),
    Family("epoch-micros", &["created_us", "ts"], |random| {
        random.within(1_500_000_000_000_000..=1_800_000_000_000_000).to_string()
    }),
    Family("epoch-nanos", &["start_ns", "time_unix_nano"], |random| {
        random.within(1_500_000_000_000_000_000..=1_800_000_000_000_000_000).to_string()
    }),
    Family("iso-date", &["created_on", "due_date", "ship_date"], |random| date(random, "-")),
    Family("local-date", &["created_on", "due_date", "invoice_date"], |random| {
        let (day, month, sign) = (random.within(1..=28), random.within(1..=12), random.pick(&["/", "."]));
        format!("{day:02}{sign}{month:02}{sign}{}", random.within(2015..=2027))
    }),
    Family("iso-time", &["created_at", "updated_at", "starts"], |random| {
        let (day, time) = (date(random, "-"), clock(random));
        match random.below(3) {
            0 => format!("{day}T{time}Z"),
            1 => format!("{day} {time}.{}+00", random.digits(6)),
            _ => format!("{day}T{time}.{}+02:00", random.digits(3)),
        }
    }),
    Family("compact-time", &["batch", "backup", "run"], |random| format!("{}{}", date(random, ""), random.digits(6))),
    Family("price", &["price", "total", "amount"], |random| {
        let (whole, cents) = (random.below(100_000), random.below(100));
        match random.below(4) {
            0 => format!("${},{:03}.{cents:02}", whole / 1000, whole % 1000),
            1 => format!("{whole}.{cents:02}"),
            2 => format!("€ {}.{:03},{cents:02}", whole / 1000, whole % 1000),
            _ => format!("{whole} EUR"),
        }
    }),
    Family("big-number", &["bytes", "population", "total_rows"], |random| {
        let length = random.within(8..=15) as usize;
        random.figure(length)
    }),
    Family("grouped-number", &["bytes", "views", "budget"], |random| {
        let sign = random.pick(&[",", ".", " ", "_"]);
        format!("{}{sign}{}{sign}{}", random.within(1..=999), random.digits(3), random.digits(3))
    }),
    Family("version", &["version", "release", "app_version"], |random| {
        let (major, minor, patch) = (random.below(30), random.below(40), random.below(300));
        match random.below(4) {
            0 => format!("{major}.{minor}.{patch}"),
            1 => format!("v{major}.{minor}.{patch}-rc.{}", random.below(9)),
            2 => format!("{major}.{minor}.{patch}+build.{}", random.digits(4)),
            _ => format!("{major}.{minor}"),
        }
    }),
    Family("version-of-four", &["version", "driver_version", "file_version"], |random| {
        format!("v{}.{}.{}.{}", random.below(130), random.below(20), random.within(1000..=9999), random.below(300))
    }),
    Family("version-like-address", &["version", "firmware", "build_version"], |random| {
        let version = format!("{}.{}.{}.{}", random.below(12), random.below(30), random.below(30), random.below(200));
        format!("{}{version}", random.pick(&["", "v", "version ", "release-"]))
    }),
    Family("phone-like-code", &["part_number", "product_code", "article"], |random| {
        let (three, other, four) = (random.figure(3), random.digits(3), random.digits(4));
        match random.below(6) {
            0 => format!("{three}-{other}-{four}1"),
            1 => format!("{four}-{other}1-{}", random.digits(2)),
            2 => format!("A{three}-{other}-{four}"),
            3 => format!("{three}.{}.{four}", random.digits(2)),
            4 => format!("{three}-{four}-B"),
            _ => format!("{three}-{other}-{four}-X"),
        }
    }),
    Family("upper-word", &["status", "state", "kind"], |random| {
        random
            .pick(&["SHIPPING", "DELIVERED", "PASSWORD", "ACCEPTED", "CANCELED", "ARCHIVED", "INFORMATION"])
            .to_owned()
    }),
    Family("upper-code", &["code", "batch_code", "voucher"], |random| {
        random.text("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", 17)
    }),
    Family("dotted-run", &["oid", "section", "path"], |random| {
        let length = random.within(6..=10);
        (0..length).map(|_| random.below(200).to_string()).collect::<Vec<_>>().join(".")
    }),
    Family("order-number", &["order_no", "invoice", "po_number"], |random| match random.below(5) {
        0 => format!("ORD-{}", random.digits(8)),
        1 => format!("{}-{}", random.within(2019..=2027), random.digits(6)),
        2 => random.figure(10),
        3 => format!("INV{}", random.digits(7)),
        _ => format!("{}-{}-{}", random.digits(3), random.digits(7), random.digits(7)),
    }),
    Family("tracking-number", &["tracking", "parcel"], |random| match random.below(3) {
        0 => format!("1Z{}{}", random.text(UPPER, 3), random.digits(13)),
        1 => random.figure(12),
        _ => format!("RR{}DE", random.digits(9)),
    }),
    Family("isbn-ean", &["isbn", "ean", "gtin", "barcode"], |random| {
        let body = random.pick(&["978", "979", "400", "501", "871"]).to_owned() + &random.digits(9);
        let sum: u32 =
            crate::check::values(&body).zip([1, 3].into_iter().cycle()).map(|(value, weight)| value * weight).sum();
        format!("{body}{}", (10 - sum % 10) % 10)
    }),
    Family("sku", &["sku", "part_number", "model"], |random| match random.below(4) {
        0 => format!("{}-{}-{}", random.text(UPPER, 2), random.digits(4), random.text(UPPER, 1)),
        1 => format!("{}-{}", random.digits(5), random.digits(3)),
        2 => format!("{}.{}.{}", random.digits(3), random.digits(3), random.digits(2)),
        _ => format!("{}{}", random.text(UPPER, 3), random.digits(6)),
    }),
    Family("hex-colour", &["color", "background"], |random| format!("#{}", random.text(HEX, 6))),
    Family("path", &["path", "file", "log_file"], |random| {
        let (folder, file) = (random.text(LOWER, 6), random.text(LOWER_DIGITS, 8));
        match random.below(3) {
            0 => format!("/var/lib/{folder}/{file}.log.{}", random.below(30)),
            1 => format!("C:\\Program Files\\{folder}\\{file}.dll"),
            _ => format!("src/{folder}/{file}_test.go:{}:{}", random.below(900), random.below(80)),
        }
    }),
    Family("url", &["url", "link", "referer"], |random| {
        format!(
            "https://www.example.com/{}/{}?page={}&sort=asc#top",
            random.text(LOWER, 6),
            random.figure(7),
            random.below(90)
        )
    }),
    Family("code", &["line", "snippet", "source"], |random| {
        random.pick(CODE).replace('9', &random.below(900).to_string())
    }),
    Family("sql", &["query", "statement"], |random| random.pick(SQL).replace('9', &random.figure(6))),
    Family("pod", &["pod", "instance", "host"], |random| {
        format!("{}-api-{}-{}", random.text(LOWER, 5), random.text(LOWER_DIGITS, 10), random.text(LOWER_DIGITS, 5))
    }),
    Family("coordinates", &["location", "geo", "latlng"], |random| {
        format!("{}.{}, -{}.{}", random.below(90), random.digits(6), random.below(180), random.digits(6))
    }),
    Family("year-range", &["years", "period", "season"], |random| {
        let year = random.within(1990..=2024);
        format!("{year}-{}", year + random.within(1..=9))
    }),
    Family("number-range", &["pages", "rows", "range"], |random| {
        let low = random.below(90_000);
        format!("{low}-{}", low + random.below(9000))
    }),
    Family("package", &["package", "dependency", "purl"], |random| {
        let (name, version) =
            (random.text(LOWER, 6), format!("{}.{}.{}", random.below(20), random.below(30), random.below(10)));
        match random.below(4) {
            0 => format!("{name}@{version}"),
            1 => format!("@{name}/core@{version}"),
            2 => format!("pkg:npm/{name}@{version}"),
            _ => format!("{name}@^{version}"),
        }
    }),
    Family("remote", &["remote", "repo", "clone_url"], |random| {
        let (host, group) =
            (random.pick(&["github.com", "gitlab.example.org", "bitbucket.org"]), random.text(LOWER, 6));
        match random.below(2) {
            0 => format!("git@{host}:{group}/{}.git", random.text(LOWER, 5)),
            _ => format!("ssh://git@{host}:22/{group}/{}.git", random.text(LOWER, 5)),
        }
    }),
    Family("at-sign", &["text", "handle", "decorator"], |random| {
        let word = random.text(LOWER, 6);
        match random.below(4) {
            0 => format!("@{word} please look"),
            1 => format!("@Override public void {word}()"),
            2 => format!("{} items @ {}.50 each", random.below(90), random.below(90)),
            _ => format!("{word}@v{}", random.below(9)),
        }
    }),
    Family("log-line", &["message", "line", "log"], |random| {
        let (day, time, thread) = (date(random, "-"), clock(random), random.figure(5));
        match random.below(3) {
            0 => format!(
                "{day} {time},{} [http-nio-8080-exec-{}] INFO done in {}ms",
                random.digits(3),
                random.below(90),
                random.digits(3)
            ),
            1 => format!("{day}T{time}Z thread={thread} queue=q{} lag={}", random.below(9), random.figure(6)),
            _ => format!(
                "[{thread}] {time}.{} GC pause {}K->{}K ({}K)",
                random.digits(6),
                random.figure(6),
                random.figure(5),
                random.figure(7)
            ),
        }
    }),
    Family("image", &["avatar", "thumbnail", "blob"], |random| {
        format!("data:image/png;base64,iVBORw0KGgo{}", base64(&random.bytes(150)))
    }),
    Family("timing", &["duration_ns", "elapsed", "took"], |random| {
        let length = random.within(5..=11) as usize;
        format!("{}{}", random.figure(length), random.pick(&["", "ns", " us", "ms"]))
    }),
    Family("user-agent", &["user_agent", "browser"], |random| {
        let (major, build) = (random.within(90..=140), random.within(1000..=6999));
        let safari = "AppleWebKit/537.36 (KHTML, like Gecko)";
        format!("Mozilla/5.0 (X11; Linux x86_64) {safari} Chrome/{major}.0.{build}.{} Safari/537.36", random.below(200))
    }),
    Family("mime", &["content_type", "mime"], |random| {
        random
            .pick(&["application/json; charset=utf-8", "image/svg+xml", "application/vnd.api+json", "text/html"])
            .to_owned()
    }),
    Family("cron", &["schedule", "cron"], |random| {
        format!("{} {} * * {}-5", random.below(60), random.below(24), random.below(5))
    }),
    Family("floats", &["embedding", "vector", "weights"], |random| {
        let parts: Vec<String> =
            (0..12).map(|_| format!("{}0.{}", random.pick(&["", "-"]), random.digits(8))).collect();
        format!("[{}]", parts.join(", "))
    }),
    Family("matrix", &["matrix", "row", "samples"], |random| {
        (0..10).map(|_| random.below(1000).to_string()).collect::<Vec<_>>().join(" ")
    }),
    Family("digit-row", &["bits", "board", "mask"], |random| {
        (0..24).map(|_| random.digits(1)).collect::<Vec<_>>().join(" ")
    }),
    Family("hex-row", &["dump", "bytes_hex"], |random| {
        (0..16).map(|_| random.text(UPPER_HEX, 2)).collect::<Vec<_>>().join(" ")
    }),
    Family("clock", &["time", "duration", "length"], |random| {
        if random.chance(50) { clock(random) } else { format!("{}:{}", clock(random), random.digits(2)) }
    }),
    Family("percent", &["share", "rate"], |random| format!("{}.{}%", random.below(100), random.digits(2))),
    Family("size", &["dimensions", "resolution"], |random| {
        format!("{}x{}", random.within(100..=4000), random.within(100..=4000))
    }),
    Family("short-id", &["ref", "code", "coupon"], |random| random.text(BASE62, 8)),
    Family("arn", &["arn", "resource"], |random| {
        format!("arn:aws:s3:::{}-{}/data", random.text(LOWER, 6), random.text(LOWER, 4))
    }),
    Family("namespace", &["symbol", "type"], |random| {
        format!("std::{}::{}<{}>", random.text(LOWER, 5), random.text(LOWER, 6), random.text(LOWER, 3))
    }),
    Family("address-number", &["street", "unit"], |random| {
        format!("{} Main Street, Unit {}", random.figure(4), random.figure(3))
    }),
    Family("placeholder", &["template", "config", "example"], |random| {
        random
            .pick(&[
                "${DB_PASSWORD}",
                "<your-password>",
                "password: ********",
                "{{ secret }}",
                "changeme?",
                "token=null",
            ])
            .to_owned()
    }),
    Family("prose", &["comment", "description", "notes"], crate::prose::sentence),
    Family("etag", &["etag", "hash"], |random| format!("W/\"{}\"", hex(&random.bytes(10)))),
];

pub(crate) fn date(random: &mut Random, sign: &str) -> String {
    format!("{}{sign}{:02}{sign}{:02}", random.within(2015..=2027), random.within(1..=12), random.within(1..=28))
}

pub(crate) fn clock(random: &mut Random) -> String {
    format!("{:02}:{:02}:{:02}", random.below(24), random.below(60), random.below(60))
}

pub(crate) const CODE: &[&str] = &[
    "for (int i = 0; i < 9; i++) { sum += values[i] * 9; }",
    "let total = items.iter().map(|item| item.price * 9).sum::<u64>();",
    "assert_eq!(parse(\"9.9.9\"), Some(Version::new(9, 9, 9)));",
    "const MASK: u64 = 0xdead_beef_cafe_f00d;",
    "if err != nil { return fmt.Errorf(\"step 9: %w\", err) }",
    "#define BUFFER_SIZE (9 * 1024)",
    "const re = /^[a-z0-9]{3,9}$/i;",
    "self.assertEqual(response.status_code, 9)",
    "@app.route('/items/<int:item_id>', methods=['GET'])",
    "static const uint8_t table[] = { 0x00, 0x1f, 0x9a, 0x42 };",
    "password = prompt_for_password()",
    "token = tokens.next().ok_or(Error::End)?;",
    "secret_name: String,",
    "import { render } from '@testing-library/react';",
];
pub(crate) const SQL: &[&str] = &[
    "SELECT id, name FROM orders WHERE id = 9 ORDER BY created_at DESC LIMIT 20",
    "UPDATE items SET stock = stock - 1 WHERE id IN (9, 9, 9)",
    "INSERT INTO events (id, kind, at) VALUES (9, 'open', '2026-03-14 09:26:53')",
    "SELECT count(*) FROM users WHERE email IS NULL AND phone IS NULL",
    "ALTER TABLE users ADD COLUMN ssn_masked text",
    "SELECT password_changed_at FROM accounts WHERE id = 9",
    "DELETE FROM sessions WHERE expires_at < now() - interval '9 days'",
    "CREATE INDEX idx_9 ON orders (customer_id, status)",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_cells_and_no_family_stands_twice() {
        assert_eq!(negatives(5, 3), negatives(5, 3));
        assert_ne!(negatives(5, 3), negatives(6, 3));
        let names: std::collections::BTreeSet<_> = FAMILIES.iter().map(|family| family.0).collect();
        assert_eq!(names.len(), FAMILIES.len());
        assert!(names.len() >= 50);
    }
}
