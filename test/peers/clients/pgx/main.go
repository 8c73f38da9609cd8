// What pgx gets to hear, as one JSON line a step. It prepares and describes by itself, speaks binary wherever it can,
// pipelines batches, and knows direct TLS and protocol 3.2.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const longestTold = 4_000
const cancelAgain = 300 * time.Millisecond

var ctx = context.Background()

func step(name string, value any) {
	text, err := json.Marshal(value)
	check(err)
	if len(text) > longestTold {
		value = map[string]any{"length": len(text), "sha256": fmt.Sprintf("%x", sha256.Sum256(text))}
	}
	line, err := json.Marshal(map[string]any{"step": name, "value": value})
	check(err)
	fmt.Println(string(line))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func given(name string) string {
	value, there := os.LookupEnv("PEER_" + name)
	if !there {
		panic("PEER_" + name + " is missing")
	}
	return value
}

func config() *pgx.ConnConfig {
	tls := map[string]string{
		"off": "sslmode=disable", "prefer": "sslmode=prefer", "require": "sslmode=require",
		"direct": "sslmode=require sslnegotiation=direct",
	}[given("TLS")]
	words := fmt.Sprintf("host=%s port=%s user=%s password=%s dbname=%s %s",
		given("HOST"), given("PORT"), given("USER"), given("PASSWORD"), given("DATABASE"), tls)
	if os.Getenv("PEER_PROTOCOL") == "3.2" {
		words += " min_protocol_version=3.2 max_protocol_version=3.2"
	}
	config, err := pgx.ParseConfig(words)
	check(err)
	return config
}

// Everything that the server said, but for what names its own source.
func failure(err error) any {
	var told *pgconn.PgError
	if errors.As(err, &told) {
		return []any{told.Severity, told.Code, told.Message, told.Detail, told.Hint, told.Position, told.Where,
			told.TableName, told.ColumnName, told.ConstraintName}
	}
	if err != nil {
		return fmt.Sprintf("%T", err)
	}
	return "no error"
}

func rowsOf(db *pgx.Conn, text string, args ...any) []any {
	rows, err := db.Query(ctx, text, args...)
	check(err)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
	check(err)
	told := []any{}
	for _, field := range rows.FieldDescriptions() {
		told = append(told, []any{field.Name, field.DataTypeOID, field.TypeModifier, field.Format, field.TableOID})
	}
	for _, row := range all {
		told = append(told, fmt.Sprintf("%#v", row))
	}
	return append(told, rows.CommandTag().String())
}

func failed(db *pgx.Conn, text string, args ...any) any {
	_, err := db.Exec(ctx, text, args...)
	return failure(err)
}

func main() {
	notices := []any{}
	wanted := config()
	wanted.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
		notices = append(notices, []any{notice.Severity, notice.Code, notice.Message, notice.Detail, notice.Hint})
	}
	db, err := pgx.ConnectConfig(ctx, wanted)
	check(err)
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/jackc/pgx/v5" {
			fmt.Printf("{\"client\": \"pgx %s\"}\n", module.Version)
		}
	}
	table := given("TABLE")
	_, err = db.Exec(ctx, "delete from "+table)
	check(err)
	insert := "insert into " + table + " values ($1, $2, $3) returning id, note"

	step("types", rowsOf(db, "select n, b, s, num::text, f, t, bl, \"by\", ts::text, d::text, iv::text, u::text, j, a, ta, nothing from peer_types order by n"))
	step("types, simple", rowsOf(db, "select n, b, s, f, t, bl, \"by\", a, nothing from peer_types order by n", pgx.QueryExecModeSimpleProtocol))
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe,
		pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		told := []any{}
		for i := int32(0); i < 4; i++ {
			told = append(told, rowsOf(db, insert, mode, int32(mode)*10+i, "noted", 1.5))
		}
		step("inserts, "+mode.String(), told)
	}
	prepared, err := db.Prepare(ctx, "by name", "select $1::int + 1, $2::text")
	check(err)
	step("prepared", []any{prepared.ParamOIDs, rowsOf(db, "by name", 1, "x"), rowsOf(db, "by name", 2, "y"),
		failure(db.Deallocate(ctx, "by name"))})
	results, err := db.PgConn().Exec(ctx, "select 1 as a; select 'two' as b; ; select 3").ReadAll()
	check(err)
	several := []any{}
	for _, result := range results {
		several = append(several, result.CommandTag.String(), fmt.Sprintf("%q", result.Rows))
	}
	step("several in one", several)
	step("errors", []any{
		failed(db, "select 1/0"), failed(db, "select nothing from peer_types"), failed(db, "selct 1"),
		failed(db, insert, 10, "twice", 1.0), failed(db, insert, 90, "less", -1.0), failed(db, "select peer_notice(-1)"),
		failed(db, "select 1/$1::int", 0), failed(db, "select 1"),
	})
	tx, err := db.Begin(ctx)
	check(err)
	_, failing := tx.Exec(ctx, "select 1/0")
	_, aborted := tx.Exec(ctx, "select 1")
	step("transaction", []any{failure(failing), failure(aborted), fmt.Sprint(tx.Commit(ctx)), rowsOf(db, "select 1")})
	notices = []any{}
	step("notices", []any{rowsOf(db, "select peer_notice(3)"), notices})

	batch := &pgx.Batch{}
	for i := 0; i < 100; i++ {
		batch.Queue("select $1::int * 2", i)
	}
	batch.Queue("select 1/$1::int", 0)
	batch.Queue("select 'never'")
	answers := db.SendBatch(ctx, batch)
	heard := []any{}
	for i := 0; i < 102; i++ {
		var doubled int
		heard = append(heard, doubled, failure(answers.QueryRow().Scan(&doubled)), doubled)
	}
	step("batch", []any{heard, failure(answers.Close()), rowsOf(db, "select 'after'")})

	line := db.PgConn().StartPipeline(ctx)
	line.SendPrepare("piped", "select $1::int", nil)
	line.SendQueryPrepared("piped", [][]byte{[]byte("1")}, nil, nil)
	check(line.Sync())
	line.SendQueryParams("select 1/0", nil, nil, nil, nil)
	line.SendQueryPrepared("piped", [][]byte{[]byte("2")}, nil, nil)
	check(line.Sync())
	line.SendQueryPrepared("piped", [][]byte{[]byte("3")}, nil, nil)
	check(line.Sync())
	heard = []any{}
	for {
		answer, err := line.GetResults()
		if reader, is := answer.(*pgconn.ResultReader); is {
			result := reader.Read()
			heard = append(heard, fmt.Sprintf("%q", result.Rows), failure(result.Err))
		} else {
			heard = append(heard, fmt.Sprintf("%T", answer), failure(err))
		}
		if answer == nil && err == nil {
			break
		}
	}
	step("pipeline", []any{heard, failure(line.Close())})

	rows := [][]any{}
	for i := 1000; i < 4000; i++ {
		rows = append(rows, []any{int32(i), "copied", float64(i)})
	}
	count, err := db.CopyFrom(ctx, pgx.Identifier{table}, []string{"id", "note", "amount"}, pgx.CopyFromRows(rows))
	check(err)
	var out bytes.Buffer
	tag, err := db.PgConn().CopyTo(ctx, &out, "copy (select * from "+table+" order by id) to stdout csv header")
	check(err)
	step("copy", []any{count, tag.String(), out.String()})
	_, err = db.PgConn().CopyFrom(ctx, strings.NewReader("no number\tx\t1\n"), "copy "+table+" from stdin")
	_, given := db.PgConn().CopyFrom(ctx, failingReader{}, "copy "+table+" from stdin")
	step("copy that fails", []any{failure(err), failure(given), rowsOf(db, "select count(*) from "+table)})

	step("large row", rowsOf(db, "select repeat('x', 6000000)"))
	step("large parameter", rowsOf(db, "select length($1::text), length($2::bytea)", strings.Repeat("ÿ", 3_000_000), make([]byte, 3_000_000)))
	step("many rows", rowsOf(db, "select n, md5(n::text) from generate_series(1, 20000) n"))
	_, err = db.Exec(ctx, "listen peer")
	check(err)
	_, err = db.Exec(ctx, "select pg_notify('peer', 'heard'), pg_notify('peer', repeat('x', 7000))")
	check(err)
	heard = []any{}
	for i := 0; i < 2; i++ {
		note, err := db.WaitForNotification(ctx)
		check(err)
		heard = append(heard, note.Channel, note.Payload)
	}
	step("notify", heard)

	ended := make(chan bool)
	go func() {
		for {
			select {
			case <-ended:
				return
			case <-time.After(cancelAgain):
				_ = db.PgConn().CancelRequest(ctx)
			}
		}
	}()
	stopped := failed(db, "select pg_sleep(60)")
	ended <- true
	step("cancel", stopped)
	step("key", len(db.PgConn().SecretKey()) > 4)
	_, _ = db.Exec(ctx, "select 1")
	step("settings", []any{failed(db, "set timezone = 'Asia/Tokyo'"), db.PgConn().ParameterStatus("TimeZone"),
		db.PgConn().ParameterStatus("server_version"), string(db.PgConn().TxStatus())})
	check(db.Close(ctx))
	step("end", nil)
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("given up by the client") }
