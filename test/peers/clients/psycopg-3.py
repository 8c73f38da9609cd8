"""What psycopg 3 gets to hear, as one JSON line a step.

It stands on the libpq that it brings along, so it also knows direct TLS and protocol 3.2."""

import hashlib
import json
import os
import threading

import psycopg
from psycopg import pq, sql

LONGEST_TOLD = 4_000
CANCEL_AGAIN_S = 0.3


def step(name, value):
    text = json.dumps(value, default=repr, sort_keys=True)
    if len(text) > LONGEST_TOLD:
        value = {"length": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    print(json.dumps({"step": name, "value": value}, default=repr), flush=True)


def given(name):
    return os.environ["PEER_" + name]


TLS = {
    "off": {"sslmode": "disable"},
    "prefer": {"sslmode": "prefer"},
    "require": {"sslmode": "require"},
    "direct": {"sslmode": "require", "sslnegotiation": "direct"},
}
PROTOCOL = {"3.0": {}, "3.2": {"min_protocol_version": "3.2", "max_protocol_version": "3.2"}}
WHERE = dict(
    host=given("HOST"),
    port=given("PORT"),
    user=given("USER"),
    password=given("PASSWORD"),
    dbname=given("DATABASE"),
    **TLS[given("TLS")],
    **PROTOCOL[os.environ.get("PEER_PROTOCOL", "3.0")],
)
# Infinity is no date in Python.
TYPES = "select n, b, s, num, f, t, bl, \"by\", ts::text, d::text, iv, u, j, a, ta, nothing from peer_types order by n"
table = sql.Identifier(given("TABLE"))
notices = []


def told(diag):
    names = "severity sqlstate message_primary message_detail message_hint statement_position context"
    names += " schema_name table_name column_name datatype_name constraint_name"
    return {name: getattr(diag, name) for name in names.split() if getattr(diag, name) is not None}


def failure_of(act):
    try:
        act()
        return "no error"
    except psycopg.Error as error:
        return [type(error).__name__, told(error.diag)]


def about(cursor):
    columns = [(c.name, c.type_code, c.internal_size, c.precision, c.scale) for c in cursor.description]
    return [columns, cursor.statusmessage, cursor.rowcount, cursor.fetchall()]


connection = psycopg.connect(**WHERE, autocommit=True)
connection.add_notice_handler(lambda diag: notices.append(told(diag)))
info = connection.info
print(json.dumps({"client": f"psycopg {psycopg.__version__}, libpq {pq.version()}",
                  "protocol": info.full_protocol_version, "tls": connection.pgconn.ssl_in_use}))
step("server", [info.server_version, info.encoding, info.parameter_status("TimeZone"),
                info.parameter_status("standard_conforming_strings"), info.parameter_status("integer_datetimes")])
connection.execute(sql.SQL("delete from {}").format(table))
for binary in (False, True):
    step(f"types, {binary=}", repr(about(connection.execute(TYPES, binary=binary))))
    step(f"parameters, {binary=}", about(connection.execute(
        "select %s::int, %s::text, %s::bytea, %s::float8, %s::int[]",
        (1, "two", b"\x00\xff", 0.1, [1, None, 3]), binary=binary)))

insert = sql.SQL("insert into {} values (%s, %s, %s) returning id").format(table)
step("prepared", [about(connection.execute(insert, (i, f"note {i}", i), prepare=True)) for i in range(1, 8)])
step("several in one", [about(c) for c in connection.execute("select 1 as a; select 'two' as b").results()])
step("empty", connection.execute("").statusmessage)
step("errors", [
    failure_of(lambda: connection.execute("select 1/0")),
    failure_of(lambda: connection.execute("select nothing from peer_types")),
    failure_of(lambda: connection.execute("selct 1")),
    failure_of(lambda: connection.execute(insert, (1, "twice", 1))),
    failure_of(lambda: connection.execute(insert, (90, "less", -1))),
    failure_of(lambda: connection.execute("select %s::int", ("no number",))),
    failure_of(lambda: connection.execute("select peer_notice(%s)", (-1,))),
])
with connection.transaction(force_rollback=True):
    connection.execute(insert, (91, "gone", 1))
    def deeper():
        with connection.transaction():
            connection.execute("select 1/0")
    step("savepoint", [failure_of(deeper), connection.execute("select 1").fetchone(), info.transaction_status.name])
notices.clear()
step("notices", [connection.execute("select peer_notice(3)").fetchall(), notices])


def pipelined():
    with connection.pipeline() as line:
        first = connection.execute("select 1 as a")
        failing = connection.execute("select 1/%s", (0,))
        skipped = connection.execute("select 2 as b")
        line.sync()
        del failing, skipped, first


with connection.pipeline():
    cursors = [connection.execute("select %s::int + 1", (i,)) for i in range(200)]
step("pipeline", [c.fetchone()[0] for c in cursors])
step("pipeline with an error", [failure_of(pipelined), connection.execute("select 'after'").fetchone()])
with connection.cursor() as cursor:
    cursor.executemany(insert, [(i, "many", i) for i in range(100, 150)])
    step("executemany", cursor.rowcount)
with connection.transaction(), connection.cursor(name="portal") as cursor:
    cursor.execute("select generate_series(1, 10)")
    step("cursor", [cursor.fetchmany(3), cursor.fetchall()])

for form in ("text", "csv", "binary"):
    connection.execute(sql.SQL("delete from {} where id >= 1000").format(table))
    into = sql.SQL("copy {} from stdin (format {})").format(table, sql.SQL(form))
    with connection.cursor() as cursor:
        with cursor.copy(into) as copy:
            if form == "csv":
                copy.write("\n".join(f"{i},copied,{i}" for i in range(1000, 3000)))
            else:
                if form == "binary":
                    copy.set_types(["int4", "text", "numeric"])
                for i in range(1000, 3000):
                    copy.write_row((i, "copied", i))
        outof = sql.SQL("copy (select * from {} order by id) to stdout (format {})").format(table, sql.SQL(form))
        with cursor.copy(outof) as copy:
            step(f"copy {form}", [cursor.rowcount, b"".join(bytes(part) for part in copy).hex()])


def copy_broken(rows):
    with connection.cursor() as cursor, cursor.copy(sql.SQL("copy {} from stdin").format(table)) as copy:
        for row in rows:
            copy.write(row)
        if len(rows) > 1:
            raise psycopg.DataError("given up by the client")


step("copy that fails", [failure_of(lambda: copy_broken(["x\ty\tz\n"])),
                         failure_of(lambda: copy_broken(["7000\tx\t1\n", "7001\tx\t1\n"])),
                         connection.execute(sql.SQL("select count(*) from {}").format(table)).fetchone()])
step("large row", connection.execute("select repeat('x', 6000000)", binary=True).fetchall())
step("large parameter", connection.execute("select length(%s::text), length(%s::bytea)",
                                           ("ÿ" * 3_000_000, b"\x00" * 3_000_000)).fetchall())
step("many rows", connection.execute("select n, md5(n::text) from generate_series(1, 20000) n").fetchall())
with connection.cursor() as cursor:
    step("row by row", sum(row[0] for row in cursor.stream("select n from generate_series(1, 5000) n")))
connection.execute("listen peer")
connection.execute("notify peer, 'heard'")
connection.execute("select pg_notify('peer', %s)", ("x" * 7000,))
step("notify", [(n.channel, n.payload, n.pid == info.backend_pid) for n in connection.notifies(timeout=5, stop_after=2)])


def cancelled(cancel):
    ended = threading.Event()

    def again():
        while not ended.wait(CANCEL_AGAIN_S):
            cancel()

    thread = threading.Thread(target=again)
    thread.start()
    try:
        return failure_of(lambda: connection.execute("select pg_sleep(60)"))
    finally:
        ended.set()
        thread.join()


# The first goes by a connection of the session's own kind (TLS, 3.2), the second is a plain one of old.
step("cancel", [cancelled(connection.cancel_safe), cancelled(connection.cancel),
                connection.execute("select 'after'").fetchone()])
connection.execute("set timezone = 'Asia/Tokyo'")
step("settings", [info.parameter_status("TimeZone"), info.user == connection.execute("select current_user").fetchone()[0]])
connection.close()
step("end", None)
