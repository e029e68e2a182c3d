-- Each account is a database of the same name, so the name's rule is PostgreSQL's limit too.
create table accounts (
    name       text collate "C" primary key check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    -- 'creating': its database is being made, or a service died while making it. Nobody can use it.
    status     text not null default 'active' check (status in ('creating', 'active', 'suspended')),
    created_at timestamptz not null default now()
);
