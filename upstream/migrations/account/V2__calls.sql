-- What the account may have of calls: one row, which is also the lock of whoever starts one.
create table call_limits (
    one               boolean primary key default true check (one),
    -- null: no limit; 0: none at all. As much as fits into an unsigned 32-bit integer.
    concurrent_max    bigint check (concurrent_max between 0 and 4294967295),
    calls_per_minute  bigint check (calls_per_minute between 0 and 4294967295),
    daily_calls_max   bigint check (daily_calls_max between 0 and 4294967295),
    daily_minutes_max bigint check (daily_minutes_max between 0 and 4294967295)
);

insert into call_limits default values;

-- Only calls that were started. `agent_id` references nothing: an agent may go, and what it spoke stays counted.
create table calls (
    id          uuid primary key default gen_random_uuid(),
    agent_id    uuid not null,
    from_number text not null,
    to_number   text not null,
    started_at  timestamptz not null,
    -- null: nobody has said that it ended. It counts as ended once it is as long as a call may be.
    ended_at    timestamptz check (ended_at >= started_at)
);

create index calls_by_start on calls (started_at);
create index calls_by_end on calls (ended_at) include (started_at) where ended_at is not null;
create index calls_not_ended on calls (started_at) where ended_at is null;
