//! The sample database on a real PostgreSQL, one a test: customers with classified columns that hold canaries, orders
//! that belong to them, `effects`, in which every run of an INSERT leaves a row that can be counted.

use std::sync::{Arc, Mutex};

use super::{Answer, Login, Server, Wire};
use crate::canary::Canaries;
use crate::random::{Random, clock};
use crate::until;

/// A database of its own, looked at directly and never through the gateway.
#[derive(Debug)]
pub struct Bank {
    pub server: Arc<Server>,
    /// The database's name.
    pub name: String,
    /// The values in classified columns.
    pub canaries: Canaries,
}

/// Customers in the sample database, numbered from 1.
pub const CUSTOMERS: i64 = 5;

/// How a gateway asks the planner.
const ESTIMATE: &str = "EXPLAIN (FORMAT JSON) ";

/// Databases that nobody needs any more; the next one that is made takes them away.
static DONE: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Bank {
    /// On the server that the tests share.
    pub async fn open() -> Self {
        let server = Server::shared().await;
        let done = std::mem::take(&mut *DONE.lock().expect("nobody panics with it"));
        let mut superuser = Wire::open(&server.superuser("postgres")).await;
        for name in done {
            superuser.query(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.ok();
        }
        Self::on(server).await
    }

    /// On a server of its own, which may be killed.
    pub async fn alone() -> Self {
        Self::on(Arc::new(Server::start().await)).await
    }

    async fn on(server: Arc<Server>) -> Self {
        let mut random = Random::new(clock());
        let name = format!("bank_{}", random.word());
        let mut superuser = Wire::open(&server.superuser("postgres")).await;
        superuser.query(&format!("CREATE DATABASE {name} OWNER gateway")).await.ok();
        let mut bank = Self { server, name, canaries: Canaries::default() };
        bank.as_superuser(PRIVILEGED).await.ok();
        bank.execute(SCHEMA).await;
        let mut secrets = Vec::new();
        for id in 1..=CUSTOMERS {
            let [email, card, ssn] = [(); 3].map(|()| random.word());
            let (email, card, ssn) = (format!("{email}@secret.example"), format!("card {card}"), format!("ssn {ssn}"));
            let phone = 7_000_000_000_000 + random.below(1_000_000_000_000);
            bank.execute(&format!(
                "INSERT INTO customers VALUES ({id}, 'Customer {id}', '{email}', '{card}', '{ssn}', {phone}, 'Turin')"
            ))
            .await;
            secrets.extend([email, card, ssn, phone.to_string()]);
        }
        bank.execute("INSERT INTO orders VALUES (1, 1, 12.5, 'first'), (2, 2, 25, 'second'), (3, 3, 50, NULL)").await;
        bank.canaries = Canaries::default().and(secrets);
        bank
    }

    /// Straight to the server, as the role that the gateway has there.
    pub fn direct_login(&self) -> Login {
        self.server.through_socket("gateway", &self.name)
    }

    /// A session straight to the server, as the role that the gateway has there.
    pub async fn direct(&self) -> Wire {
        Wire::open(&self.direct_login()).await
    }

    /// Runs something straight on the server, with the rights of the gateway's role.
    pub async fn execute(&self, sql: &str) -> Answer {
        self.direct().await.query(sql).await.ok()
    }

    /// Runs something straight on the server, with all rights.
    pub async fn as_superuser(&self, sql: &str) -> Answer {
        Wire::open(&self.server.superuser(&self.name)).await.query(sql).await
    }

    /// Everything that a statement gives when nobody stands in between, as one text, errors included.
    pub async fn gives(&self, sql: &str) -> String {
        let mut wire = self.direct().await;
        wire.query(sql).await;
        String::from_utf8_lossy(wire.received()).into_owned()
    }

    /// The first column of a question's rows.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        self.as_superuser(sql).await.ok().texts()
    }

    /// The one number that a question asks for.
    pub async fn number(&self, sql: &str) -> i64 {
        let texts = self.texts(sql).await;
        texts.first().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("`{sql}`: {texts:?}"))
    }

    /// Waits until no gateway has a connection any more: what it sent is kept or undone.
    pub async fn until_left(&self) {
        let ours = format!("datname = '{}' AND client_addr IS NOT NULL", self.name);
        let busy = format!("SELECT count(*) FROM pg_stat_activity WHERE {ours}");
        until("the server has seen the gateway go", async || (self.number(&busy).await == 0).then_some(())).await;
    }

    /// How often an INSERT of this key into `effects` ran.
    pub async fn effects(&self, key: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM public.effects WHERE key = '{}'", key.replace('\'', "''"))).await
    }

    /// Whether a gateway told the server this text in any form: simple, parsed, as a value, executed, or refused there. What
    /// it asked the planner of the text, for its reviewers, runs nothing of it.
    pub fn was_told(&self, text: &str) -> bool {
        let told = self.server.told(&self.name);
        // Values stand in an entry of their own, behind that of their statement.
        let of_estimate = |at: usize| {
            let before = at.checked_sub(1).and_then(|at| told.get(at));
            told[at].contains(ESTIMATE)
                || (told[at].starts_with("DETAIL") && before.is_some_and(|before| before.contains(ESTIMATE)))
        };
        (0..told.len()).any(|at| told[at].contains(text) && !of_estimate(at))
    }

    /// Whether a gateway asked the planner anything.
    pub fn was_explained(&self) -> bool {
        self.server.told(&self.name).iter().any(|entry| entry.contains(ESTIMATE))
    }

    /// Everything in the database that an attack could change: its relations, its functions, its rows.
    pub async fn everything(&self) -> Vec<String> {
        let mut all = self.texts(OBJECTS).await;
        for table in self.texts(TABLES).await {
            all.extend(self.texts(&format!("SELECT '{table} ' || t::text FROM {table} t")).await);
        }
        all.sort();
        all
    }

    /// Makes the tables of pgbench, with so many rows that they hold a hundred accounts.
    pub async fn make_accounts(&self) {
        super::pgbench::run(&self.direct_login(), &["-i", "-q", "-s", "1"]).await.ok();
    }

    /// The configuration of two targets that are this database: as production, where the starter rules hold writes for
    /// its owners, and for training, where they run.
    pub fn targets(&self) -> String {
        let upstream = format!("127.0.0.1:{}/{}", self.server.port, self.name);
        TARGET.replace("NAME", "bank").replace("UPSTREAM", &upstream)
            + &TARGET.replace("NAME", "training").replace("UPSTREAM", &upstream).replace("production", "staging")
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        if let Ok(mut done) = DONE.lock() {
            done.push(self.name.clone());
        }
    }
}

const PRIVILEGED: &str = "
    GRANT EXECUTE ON FUNCTION pg_read_file(text), pg_ls_dir(text), lo_export(oid, text), lo_import(text) TO gateway;
    CREATE TABLE locked_away (secret text);
    INSERT INTO locked_away VALUES ('for the vault only');
    GRANT SELECT ON locked_away TO gateway, vault;
    ALTER TABLE locked_away ENABLE ROW LEVEL SECURITY;
    CREATE POLICY who_is_the_vault ON locked_away USING (current_user = 'vault');
";

const SCHEMA: &str = "
    CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text NOT NULL UNIQUE, card text NOT NULL,
                            ssn text NOT NULL, phone bigint NOT NULL, city text NOT NULL);
    CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL REFERENCES customers, total numeric NOT NULL,
                         note text);
    CREATE TABLE effects (key text NOT NULL);
    CREATE VIEW contacts AS SELECT id, name AS who, email AS contact, phone AS number FROM customers;
    CREATE TABLE audited (id int PRIMARY KEY, what text);
    CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.effects VALUES ('by the trigger'); RETURN NEW; END $$;
    CREATE TRIGGER audit AFTER INSERT ON audited FOR EACH ROW EXECUTE FUNCTION audit();
    CREATE FUNCTION leaves_an_effect(key text) RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.effects VALUES (key); RETURN key; END $$;
    CREATE FUNCTION says_it_is_pure(key text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
        $$ BEGIN RETURN public.leaves_an_effect(key); END $$;
";

const OBJECTS: &str = "
    SELECT 'relation ' || oid::regclass || ' ' || oid || ' ' || relfilenode || ' ' || coalesce(relacl::text, '')
    FROM pg_class WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace,
                                             'pg_toast'::regnamespace)
    UNION ALL SELECT 'column ' || attrelid::regclass || ' ' || attname FROM pg_attribute WHERE attrelid >= 16384
    UNION ALL SELECT 'function ' || oid::regprocedure || ' ' || oid FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger
    UNION ALL SELECT 'rule ' || rulename || ' on ' || ev_class::regclass FROM pg_rewrite WHERE ev_class >= 16384
    UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg_t%'
    UNION ALL SELECT 'large object ' || oid FROM pg_largeobject_metadata
    UNION ALL SELECT 'extension ' || extname FROM pg_extension
    UNION ALL SELECT 'publication ' || pubname FROM pg_publication
    UNION ALL SELECT 'setting ' || setconfig::text FROM pg_db_role_setting
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL SELECT 'prepared ' || gid FROM pg_prepared_xacts WHERE database = current_database()
";

const TABLES: &str = "
    SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p')
    AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
";

const TARGET: &str = r#"
[[target]]
name = "NAME"
kind = "postgres"
listen = "127.0.0.1:0"
upstream = "postgres://gateway@UPSTREAM"
password = { file = "secrets/bank" }
upstream-ca = "tls/ca.pem"
owner = "owners"
labels = { environment = "production" }
[target.classify]
"public.customers.email" = "email"
"public.customers.card" = "card"
"public.customers.ssn" = "ssn"
"public.customers.phone" = "phone"
"#;
