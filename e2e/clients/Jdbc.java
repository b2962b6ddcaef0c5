// What people do with PostgreSQL's JDBC driver. `work` prints what it sees, to be compared between the server and a
// gateway in front of it; `gated` talks to a gateway that denies, holds and is told to cancel. Where to connect stands in
// PGHOST and its like.

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Properties;
import java.util.UUID;

class Jdbc {
    static final String COLUMNS = "id, big, exact, words, truth, bytes, at, day, uid, doc, docb, ints, texts";
    static final String WORDS = "žluťoučký 🐎 \\ ' \"";

    interface Step {
        Object run() throws SQLException;
    }

    public static void main(String[] arguments) throws SQLException {
        if (arguments[0].equals("work")) {
            work();
        } else {
            gated();
        }
    }

    static void work() throws SQLException {
        for (String more : new String[] {"", "&binaryTransferEnable=1700&prepareThreshold=1", "&preferQueryMode=simple"}) {
            print("##", more);
            try (Connection connection = connect(more)) {
                if (!more.contains("simple")) { // The driver cannot write bytes into a text.
                    types(connection);
                }
                repeated(connection);
                transactions(connection);
                errors(connection);
                batches(connection);
                rows(connection);
                large(connection);
                notices(connection);
                metadata(connection);
                timeouts(connection);
                execute(connection, "DELETE FROM things");
            }
        }
        print("done");
    }

    static void types(Connection connection) throws SQLException {
        print("# types");
        String insert = "INSERT INTO things (" + COLUMNS + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?::json, ?::jsonb, ?, ?)";
        try (PreparedStatement statement = connection.prepareStatement(insert)) {
            statement.setInt(1, 1);
            statement.setLong(2, -(1L << 62));
            statement.setBigDecimal(3, new BigDecimal("12345678901234567890.000123"));
            statement.setString(4, WORDS);
            statement.setBoolean(5, true);
            statement.setBytes(6, new byte[] {0, 1, -1});
            statement.setObject(7, OffsetDateTime.parse("2024-02-29T23:59:59.123456Z"));
            statement.setDate(8, Date.valueOf(LocalDate.of(1999, 12, 31)));
            statement.setObject(9, UUID.fromString("0b0e7a8e-64e5-4b0f-9d0a-0f6a1c2d3e4f"));
            statement.setString(10, "{\"a\": [1, null]}");
            statement.setString(11, "{\"ž\": true}");
            statement.setArray(12, connection.createArrayOf("int4", new Integer[] {1, null, 3}));
            statement.setArray(13, connection.createArrayOf("text", new String[] {"a,b", "\"", null}));
            print(statement.executeUpdate());
            statement.setInt(1, 2);
            for (int i = 2; i <= 13; i++) {
                statement.setNull(i, Types.NULL);
            }
            print(statement.executeUpdate());
        }
        for (int i = 0; i < 7; i++) { // After five times it is prepared by name, and its results come in binary form.
            try (PreparedStatement statement =
                    connection.prepareStatement("SELECT " + COLUMNS + " FROM things WHERE id <= ? ORDER BY id")) {
                statement.setInt(1, 2);
                ResultSet rows = statement.executeQuery();
                show(rows);
            }
        }
    }

    static void repeated(Connection connection) throws SQLException {
        print("# repeated");
        try (PreparedStatement statement = connection.prepareStatement("SELECT ?::int8 * 2, ?::text")) {
            for (int number = 0; number < 8; number++) {
                statement.setLong(1, number);
                statement.setString(2, "" + number);
                show(statement.executeQuery());
            }
        }
    }

    static void transactions(Connection connection) throws SQLException {
        print("# transactions");
        connection.setAutoCommit(false);
        execute(connection, "INSERT INTO things (id) VALUES (10)");
        var savepoint = connection.setSavepoint("one");
        execute(connection, "INSERT INTO things (id) VALUES (11)");
        connection.rollback(savepoint);
        connection.releaseSavepoint(connection.setSavepoint());
        connection.commit();
        execute(connection, "INSERT INTO things (id) VALUES (12)");
        connection.rollback();
        query(connection, "SELECT id FROM things WHERE id >= 10 ORDER BY id");
        connection.commit();
        connection.setReadOnly(true);
        told(() -> execute(connection, "DELETE FROM things WHERE id = 10"));
        connection.rollback();
        connection.setReadOnly(false);
        connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
        query(connection, "SHOW transaction_isolation");
        connection.commit();
        connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        connection.setAutoCommit(true);
    }

    static void errors(Connection connection) throws SQLException {
        print("# errors");
        for (String wrong : new String[] {
            "SELECT 1 / 0", "SELECT nothing FROM things", "INSERT INTO things (id) VALUES (1)"
        }) {
            connection.setAutoCommit(false);
            told(() -> execute(connection, wrong));
            told(() -> execute(connection, "SELECT 1"));
            connection.rollback();
            connection.setAutoCommit(true);
            told(() -> execute(connection, wrong));
            query(connection, "SELECT 2");
        }
    }

    static void batches(Connection connection) throws SQLException {
        print("# batches");
        connection.setAutoCommit(false);
        try (PreparedStatement statement =
                connection.prepareStatement("INSERT INTO things (id, words) VALUES (?, ?)")) {
            for (int number = 100; number < 1100; number++) {
                statement.setInt(1, number);
                statement.setString(2, "row " + number);
                statement.addBatch();
            }
            print(Arrays.stream(statement.executeBatch()).sum());
        }
        connection.commit();
        connection.setAutoCommit(true);
        try (Statement statement = connection.createStatement()) {
            statement.addBatch("UPDATE things SET truth = true WHERE id = 100");
            statement.addBatch("UPDATE things SET truth = false WHERE id > 1000");
            print(Arrays.toString(statement.executeBatch()));
            statement.addBatch("UPDATE things SET truth = true WHERE id = 101");
            statement.addBatch("INSERT INTO things (id) VALUES (100)");
            told(() -> Arrays.toString(statement.executeBatch()));
        }
        try (PreparedStatement statement = connection.prepareStatement(
                "INSERT INTO things (id) VALUES (?)", Statement.RETURN_GENERATED_KEYS)) {
            statement.setInt(1, 2000);
            print(statement.executeUpdate());
            show(statement.getGeneratedKeys());
        }
        query(connection, "SELECT count(*), sum(id), bool_or(truth) FROM things WHERE id >= 100");
    }

    static void rows(Connection connection) throws SQLException {
        print("# rows");
        connection.setAutoCommit(false);
        try (PreparedStatement statement =
                connection.prepareStatement("SELECT g, g::text FROM generate_series(1, ?) g")) {
            statement.setFetchSize(100);
            statement.setInt(1, 5000);
            ResultSet rows = statement.executeQuery();
            long total = 0;
            while (rows.next()) {
                total += rows.getInt(1);
            }
            print(total);
            rows = statement.executeQuery();
            rows.next();
            rows.close(); // Early: the driver closes the portal.
            statement.setMaxRows(7);
            rows = statement.executeQuery();
            rows.next();
            print(rows.getString(2));
        }
        connection.commit();
        connection.setAutoCommit(true);
    }

    static void large(Connection connection) throws SQLException {
        print("# large");
        String text = "ž".repeat(500_000);
        try (PreparedStatement statement =
                connection.prepareStatement("INSERT INTO things (id, words) VALUES (3, ?)")) {
            statement.setString(1, text);
            statement.executeUpdate();
        }
        try (Statement statement = connection.createStatement()) {
            ResultSet rows = statement.executeQuery("SELECT words FROM things WHERE id = 3");
            rows.next();
            print(rows.getString(1).equals(text));
        }
    }

    static void notices(Connection connection) throws SQLException {
        print("# notices");
        try (Statement statement = connection.createStatement()) {
            statement.execute("DO $$ BEGIN RAISE NOTICE 'it happens'; RAISE WARNING 'really'; END $$");
            statement.execute("DROP TABLE IF EXISTS nothing_of_that_name");
            for (var warning = statement.getWarnings(); warning != null; warning = warning.getNextWarning()) {
                print(warning.getSQLState(), warning.getMessage());
            }
        }
    }

    static void metadata(Connection connection) throws SQLException {
        print("# metadata");
        var about = connection.getMetaData();
        print(about.getDatabaseProductVersion(), connection.getSchema(), connection.isValid(5));
        show(about.getTables(null, "public", "%", new String[] {"TABLE"}), "TABLE_NAME");
        show(about.getColumns(null, "public", "things", "%"), "COLUMN_NAME", "TYPE_NAME", "NULLABLE");
        show(about.getPrimaryKeys(null, "public", "things"), "COLUMN_NAME");
        show(about.getIndexInfo(null, "public", "things", false, false), "INDEX_NAME", "COLUMN_NAME");
        show(about.getImportedKeys(null, "public", "things"), "PKCOLUMN_NAME");
        try (Statement statement = connection.createStatement()) {
            var columns = statement.executeQuery("SELECT id, words AS w FROM things").getMetaData();
            for (int i = 1; i <= columns.getColumnCount(); i++) {
                print(columns.getColumnLabel(i), columns.getColumnTypeName(i), columns.isNullable(i));
            }
        }
    }

    static void timeouts(Connection connection) throws SQLException {
        print("# timeouts");
        try (Statement statement = connection.createStatement()) {
            statement.execute("SET statement_timeout = 100");
            told(() -> statement.executeQuery("SELECT pg_sleep(60)"));
            statement.execute("RESET statement_timeout");
            statement.setQueryTimeout(1);
            told(() -> statement.executeQuery("SELECT pg_sleep(60)"));
        }
        query(connection, "SELECT 3");
    }

    static void gated() throws SQLException {
        try (Connection connection = connect("");
                PreparedStatement insert = connection.prepareStatement("INSERT INTO effects VALUES (?)")) {
            print("denied", state(() -> execute(connection, "SELECT leaves_an_effect('denied')")));
            insert.setString(1, "approved");
            print("held", insert.executeUpdate());
            insert.setString(1, "cancelled");
            insert.setQueryTimeout(1);
            print("cancelled", state(() -> insert.executeUpdate()));
            print("still", note(connection, 1));
            connection.setAutoCommit(false);
            print("inside", state(() -> execute(connection, "INSERT INTO effects VALUES ('inside')")));
            connection.rollback();
        }
        try (Connection connection = connect("")) {
            print("again", note(connection, 2));
        }
    }

    static Connection connect(String more) throws SQLException {
        String place = System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
        var properties = new Properties();
        properties.setProperty("user", System.getenv("PGUSER"));
        properties.setProperty("password", System.getenv("PGPASSWORD"));
        return DriverManager.getConnection("jdbc:postgresql://" + place + "?sslmode=disable" + more, properties);
    }

    static String note(Connection connection, int order) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("SELECT note FROM orders WHERE id = ?")) {
            statement.setInt(1, order);
            ResultSet rows = statement.executeQuery();
            rows.next();
            return rows.getString(1);
        }
    }

    static Object execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            return statement.execute(sql);
        }
    }

    static void query(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            show(statement.executeQuery(sql));
        }
    }

    static void show(ResultSet rows) throws SQLException {
        String[] names = new String[rows.getMetaData().getColumnCount()];
        for (int i = 0; i < names.length; i++) {
            names[i] = rows.getMetaData().getColumnLabel(i + 1);
        }
        show(rows, names);
    }

    static void show(ResultSet rows, String... names) throws SQLException {
        while (rows.next()) {
            StringBuilder row = new StringBuilder();
            for (String name : names) {
                Object value = rows.getObject(name);
                row.append(value instanceof byte[] bytes ? HexFormat.of().formatHex(bytes) : value).append(" | ");
            }
            print(row);
        }
    }

    static void told(Step step) {
        try {
            print("no error", step.run());
        } catch (SQLException error) {
            print(error.getSQLState(), error.getMessage().replaceAll("\n  Hint: .*", ""));
        }
    }

    static String state(Step step) {
        try {
            return "no error " + step.run();
        } catch (SQLException error) {
            return error.getSQLState();
        }
    }

    static void print(Object... values) {
        for (Object value : values) {
            System.out.print(value + " ");
        }
        System.out.println();
    }
}
