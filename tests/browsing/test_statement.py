"""SQL of the user: a SELECT over the tables, and nothing that reads or changes anything else."""

import duckdb
import pytest

from xframes.browsing.statement import LONGEST, checked
from xframes.errors import XframesError
from xframes.sql import macros

REFUSED = """
select * from '/etc/passwd'
select * from 'x.parquet'
select * from "x.csv"
table "/etc/passwd"
select * from read_csv('/etc/passwd')
from read_text('/etc/passwd')
from read_blob('/etc/passwd')
from read_json_auto('/etc/passwd')
from read_parquet('/etc/passwd')
from parquet_metadata('x.parquet')
from glob('*')
from sniff_csv('/etc/passwd')
from duckdb_settings()
from duckdb_secrets()
from duckdb_tables
from pragma_database_list
from pragma_version()
from sqlite_master
from information_schema.tables
from pg_catalog.pg_tables
from query('select 1')
from query_table('posts')
from _xframes.index_1
from memory._xframes.index_1
from system.main.duckdb_tables
from seq_scan('posts')
from which_secret('x', 's3')
from json_execute_serialized_sql(json_serialize_sql('select 1'))
copy posts to '/tmp/x'
copy (select 1) to '/tmp/x.parquet'
copy posts from '/etc/passwd'
attach '/tmp/x.db'
detach memory
install httpfs
load httpfs
set memory_limit = '1GB'
reset memory_limit
pragma version
pragma database_list
call pragma_version()
export database '/tmp/x'
import database '/tmp/x'
explain select 1
explain analyze select 1
create table x as select 1
create or replace view posts as select 1
create macro f(x) as x
create secret s (type s3)
insert into posts select 1
update posts set id = 1
delete from posts
drop view posts
alter table posts rename to x
vacuum
checkpoint
begin
use main
prepare p as select 1
execute p
show tables
describe posts
summarize posts
describe select * from read_csv('/etc/passwd')
from (show tables)
from (describe posts)
select 1; select 2
select 1; drop view posts
--
select current_setting('temp_directory')
select getenv('HOME')
select getvariable('x')
select json_serialize_plan('select * from read_csv(''/etc/passwd'')')
select write_log('x')
select sleep_ms(10)
select pg_sleep(10)
select nextval('x')
select setseed(0.1)
select current_database()
select system.main.getvariable('x')
select (select content from read_text('/etc/passwd'))
select * from posts where exists (from read_csv('/etc/passwd'))
with a as (from read_csv('/etc/passwd')) from a
with recursive a as (select 1 union all from read_csv('/etc/passwd')) from a
with "/etc/passwd" as (select 1) select * from "/etc/passwd"
select * from "x.csv", (with "x.csv" as (select 1) select 1)
with duckdb_tables as (from duckdb_tables) from duckdb_tables
select * from (with z as (select 1) from z), z
select list_transform([1], x -> (select content from read_text('/etc/passwd')))
select * from posts, lateral (select * from read_csv(text))
values ((select content from read_text('/etc/passwd')))
select 1 union select content from read_text('/etc/passwd')
select 1 order by (select content from read_text('/etc/passwd'))
select 1 limit (select size from read_text('/etc/passwd'))
select count(*) filter (where exists(from glob('*')))
select sum(1) over (order by (select size from read_text('/etc/passwd')))
select 1 group by (select size from read_text('/etc/passwd'))
select 1 qualify exists(from glob('*'))
select * replace ((select content from read_text('/etc/passwd')) as text) from posts
from (pivot read_csv('/etc/passwd') on a in (1) using count(*))
from (unpivot read_csv('/etc/passwd') on a)
from posts semi join read_csv('/etc/passwd') using (id)
from unnest((select list(content) from read_text('/etc/passwd')))
from range(10) as t(x), glob('*')
select $1
select ?
from posts at (version => 1)
selec 1
""".strip().splitlines()

ALLOWED = """
select 1
select * from posts;
from main.posts
from posts select lang, count(*) group by all order by 2 desc limit 3
with a as (select * from posts), b as (from a) select * from b join users on b.id = users.id
with recursive t(n) as (select 1 union all select n + 1 from t where n < 5) from t
select unnest(words(text)), emoji(text) from results
select domain(url) from results
from (pivot posts on lang in ('en') using count(*))
select row_number() over (partition by lang order by created_at) from posts qualify true
select list_transform([1, 2], x -> x + 1), {'a': 1}, map([1], [2]), now(), current_date, random()
select date_trunc('day', created_at), arg_max(text, like_count), quantile_cont(like_count, .5) from posts group by 1
values (1, 2)
select * from range(10), generate_series(1, 3), unnest([1, 2])
select case when lang in ('a') then 1 else 2 end, cast(id as bigint), a ->> 'x', a between 1 and 2 from posts
select count(*) filter (where is_result), string_agg(lang, ',' order by lang) from posts
select * from posts where (id, lang) in (select id, lang from results) and id = any(select id from users)
select columns('.*_count') from posts
select * from posts tablesample 10%
(select 1) union all (select 2) except select 3
select grouping(lang), lang from posts group by cube(lang)
select lag(id) over w from posts window w as (order by id)
""".strip().splitlines()


@pytest.fixture(scope="module")
def parser():
    with duckdb.connect() as connection:
        macros.define(connection)
        yield connection


@pytest.mark.parametrize("query", ["", *REFUSED, "select " + "1 + " * LONGEST + "1"], ids=lambda query: query[:70])
def test_refused(parser, query):
    with pytest.raises(XframesError):
        checked(parser, query)


@pytest.mark.parametrize("query", ALLOWED)
def test_allowed(parser, query):
    assert checked(parser, query) == query.rstrip(";")


def test_deep_nesting_is_refused_or_read(parser):
    for query in ("select " + "(" * 5000 + "1" + ")" * 5000, "select " + "-" * 0 + " + ".join(["1"] * 4000)):
        try:
            checked(parser, query)
        except XframesError:
            continue
