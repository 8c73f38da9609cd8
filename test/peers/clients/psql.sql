-- What psql gets to hear: run against a server and through the gateway, stdout and stderr must be the same.
\set VERBOSITY verbose
\set SHOW_ALL_RESULTS on
\pset null '(null)'
select * from peer_types order by n;
select * from peer_types order by n \gdesc
\d peer_types
\dt peer_*
insert into :table values (1, 'one', 1), (2, 'two', 2.50) returning *;
select 1 as a\; select 'two' as b;
prepare keep(int) as select note from :table where id = $1;
execute keep(1);
execute keep(2);
deallocate keep;
select 1/0;
select nothing from peer_types;
selct 1;
insert into :table values (1, 'twice', 1);
insert into :table values (3, 'less', -1);
select peer_notice(3);
select peer_notice(-1);
begin;
select 1/0;
select 1;
rollback;
begin;
savepoint here;
select 1/0;
rollback to here;
insert into :table values (4, 'kept', 4);
commit;
copy :table from stdin;
1000	copied	1
1001	copied	2
\.
copy :table from stdin;
no number	x	1
\.
copy (select * from :table order by id) to stdout csv header;
\copy (select * from peer_types order by n) to stdout
\set FETCH_COUNT 100
select n, md5(n::text) from generate_series(1, 2000) n;
\unset FETCH_COUNT
select length(repeat('x', 6000000)), repeat('y', 100000);
listen peer;
notify peer, 'heard';
select format('select %s as built', n) from generate_series(1, 3) n \gexec
set timezone = 'Asia/Tokyo';
show timezone;
\errverbose
