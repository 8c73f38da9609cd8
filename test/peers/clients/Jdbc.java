// What JDBC (pgjdbc) gets to hear, as one JSON line a step: it prepares after some executions, reads portals in pieces,
// sends batches, and in its binary form asks for binary values.

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

public class Jdbc {
    static final int LONGEST_TOLD = 4_000;
    static final int CANCEL_AGAIN_MS = 300;

    interface Act {
        void run() throws Exception;
    }

    static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c < 0x20 || c > 0x7e) out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        return out.append('"').toString();
    }

    static void step(String name, Object value) throws Exception {
        String text = String.valueOf(value);
        if (text.length() > LONGEST_TOLD) {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            text = text.length() + " " + HexFormat.of().formatHex(digest);
        }
        System.out.println("{\"step\": " + quoted(name) + ", \"value\": " + quoted(text) + "}");
    }

    static String given(String name) {
        return java.util.Objects.requireNonNull(System.getenv("PEER_" + name), name);
    }

    static String failure(Act act) throws Exception {
        try {
            act.run();
            return "no error";
        } catch (BatchUpdateException error) {
            return error.getSQLState() + " " + java.util.Arrays.toString(error.getUpdateCounts()) + told(error.getNextException());
        } catch (PSQLException error) {
            return error.getSQLState() + told(error);
        }
    }

    static String told(SQLException error) {
        ServerErrorMessage m = error instanceof PSQLException own ? own.getServerErrorMessage() : null;
        if (m == null) return " " + error.getMessage();
        return " " + List.of(m.getSeverity() + "", m.getSQLState() + "", m.getMessage() + "", m.getDetail() + "", m.getHint() + "",
            m.getPosition() + "", m.getWhere() + "", m.getTable() + "", m.getConstraint() + "");
    }

    static List<Object> all(ResultSet rows) throws Exception {
        ResultSetMetaData about = rows.getMetaData();
        List<Object> told = new ArrayList<>();
        for (int i = 1; i <= about.getColumnCount(); i++)
            told.add(about.getColumnLabel(i) + ":" + about.getColumnTypeName(i) + ":" + about.getPrecision(i));
        while (rows.next())
            for (int i = 1; i <= about.getColumnCount(); i++) {
                Object value = rows.getObject(i);
                told.add(value instanceof byte[] bytes ? HexFormat.of().formatHex(bytes) : String.valueOf(value));
            }
        return told;
    }

    public static void main(String[] args) throws Exception {
        Properties wanted = new Properties();
        wanted.setProperty("user", given("USER"));
        wanted.setProperty("password", given("PASSWORD"));
        Map<String, String> modes = Map.of("off", "disable", "prefer", "prefer", "require", "require", "direct", "require");
        wanted.setProperty("sslmode", modes.get(given("TLS")));
        if (given("TLS").equals("direct")) wanted.setProperty("sslNegotiation", "direct");
        if ("3.2".equals(System.getenv("PEER_PROTOCOL"))) wanted.setProperty("protocolVersion", "3.2");
        String url = "jdbc:postgresql://" + given("HOST") + ":" + given("PORT") + "/" + given("DATABASE");
        System.out.println("{\"client\": \"JDBC " + org.postgresql.util.DriverInfo.DRIVER_VERSION + "\"}");
        String table = given("TABLE");

        try (Connection db = DriverManager.getConnection(url, wanted); Statement plain = db.createStatement()) {
            plain.execute("delete from " + table);
            step("types", all(plain.executeQuery("select n, b, s, num, f, t, bl, by, d, u, j, a, ta, nothing from peer_types order by n")));
            String insert = "insert into " + table + " values (?, ?, ?)";
            try (PreparedStatement prepared = db.prepareStatement("select ?::int + 1 as more, ?::text, ?::bytea, ?::int8")) {
                List<Object> told = new ArrayList<>();
                // From the fifth on by name, and then binary.
                for (int i = 0; i < 9; i++) {
                    prepared.setInt(1, i);
                    prepared.setString(2, "text " + i);
                    prepared.setBytes(3, new byte[] {0, (byte) i, (byte) 255});
                    prepared.setLong(4, 1L << 40);
                    told.addAll(all(prepared.executeQuery()));
                }
                step("prepared", told);
            }
            try (PreparedStatement batch = db.prepareStatement(insert)) {
                for (int i = 1; i <= 500; i++) {
                    batch.setInt(1, i);
                    batch.setString(2, "batched");
                    batch.setInt(3, i);
                    batch.addBatch();
                }
                step("batch", java.util.Arrays.toString(batch.executeBatch()));
                for (int i = 499; i <= 503; i++) {
                    batch.setInt(1, i);
                    batch.setString(2, "twice");
                    batch.setInt(3, i);
                    batch.addBatch();
                }
                step("batch with an error", failure(() -> batch.executeBatch()));
            }
            boolean more = plain.execute("select 1 as a; select 'two' as b");
            List<Object> several = new ArrayList<>();
            while (more) {
                several.addAll(all(plain.getResultSet()));
                more = plain.getMoreResults();
            }
            step("several in one", several);
            step("errors", List.of(
                failure(() -> plain.execute("select 1/0")),
                failure(() -> plain.execute("select nothing from peer_types")),
                failure(() -> plain.execute("selct 1")),
                failure(() -> plain.execute("insert into " + table + " values (1, 'twice', 1)")),
                failure(() -> plain.execute("insert into " + table + " values (900, 'less', -1)")),
                failure(() -> plain.execute("select peer_notice(-1)"))));
            plain.execute("select peer_notice(3)");
            List<Object> notices = new ArrayList<>();
            for (SQLWarning w = plain.getWarnings(); w != null; w = w.getNextWarning()) notices.add(w.getSQLState() + w.getMessage());
            step("notices", notices);

            db.setAutoCommit(false);
            Savepoint here = db.setSavepoint();
            String failing = failure(() -> plain.execute("select 1/0"));
            String aborted = failure(() -> plain.execute("select 1"));
            db.rollback(here);
            step("transaction", failing + aborted + all(plain.executeQuery("select 'after'")));
            try (PreparedStatement portal = db.prepareStatement("select n, md5(n::text) from generate_series(1, 5000) n")) {
                portal.setFetchSize(100);
                step("portal", all(portal.executeQuery()));
            }
            db.commit();
            db.setAutoCommit(true);

            PGConnection own = db.unwrap(PGConnection.class);
            StringBuilder lines = new StringBuilder();
            for (int i = 1000; i < 4000; i++) lines.append(i).append(",copied,").append(i).append('\n');
            long copied = own.getCopyAPI().copyIn("copy " + table + " from stdin csv", new StringReader(lines.toString()));
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            long back = own.getCopyAPI().copyOut("copy (select * from " + table + " order by id) to stdout (format binary)", out);
            step("copy", copied + " " + back + " " + HexFormat.of().formatHex(out.toByteArray()));
            step("copy that fails", failure(() -> own.getCopyAPI().copyIn("copy " + table + " from stdin",
                new ByteArrayInputStream("no number\tx\t1\n".getBytes(StandardCharsets.UTF_8)))));
            step("large row", all(plain.executeQuery("select repeat('x', 6000000)")));
            try (PreparedStatement large = db.prepareStatement("select length(?::text), length(?::bytea)")) {
                large.setString(1, "ÿ".repeat(3_000_000));
                large.setBytes(2, new byte[3_000_000]);
                step("large parameter", all(large.executeQuery()));
            }
            step("many rows", all(plain.executeQuery("select n, md5(n::text) from generate_series(1, 20000) n")));
            step("metadata", all(db.getMetaData().getColumns(null, "public", "peer_types", null)));
            plain.execute("listen peer");
            plain.execute("select pg_notify('peer', 'heard'), pg_notify('peer', repeat('x', 7000))");
            List<Object> heard = new ArrayList<>();
            while (heard.size() < 2)
                for (PGNotification note : own.getNotifications(5_000)) heard.add(note.getName() + " " + note.getParameter());
            step("notify", heard);

            CountDownLatch ended = new CountDownLatch(1);
            Thread canceller = new Thread(() -> {
                try {
                    while (!ended.await(CANCEL_AGAIN_MS, TimeUnit.MILLISECONDS)) plain.cancel();
                } catch (Exception error) {
                    System.err.println(error);
                }
            });
            canceller.start();
            step("cancel", failure(() -> plain.execute("select pg_sleep(60)")));
            ended.countDown();
            canceller.join();
            step("settings", List.of(own.getParameterStatus("TimeZone"), own.getParameterStatus("server_version"),
                all(plain.executeQuery("select 'after', current_user = session_user"))));
        }
        step("end", null);
    }
}
