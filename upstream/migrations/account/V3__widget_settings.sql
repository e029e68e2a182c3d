-- What widgets may do with an agent. Their keys say which pages a widget may be on.
alter table agents
    add column widget_enabled   boolean not null default true,
    add column widget_auth_mode text not null default 'both'
        check (widget_auth_mode in ('guest', 'user', 'both'));
