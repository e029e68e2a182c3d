//! What widgets may do with an agent, in the account's own database.

use serde::{Deserialize, Serialize};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::database::Parameters;

const COLUMNS: &str = "widget_enabled, widget_auth_mode";

/// The settings of one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct WidgetSettings {
    pub(crate) widget_enabled: bool,
    pub(crate) auth_mode: AuthMode,
}

/// Who may talk to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthMode {
    /// Whom nobody vouched for.
    Guest,
    /// Users of the account's own.
    User,
    Both,
}

/// An agent as a widget may see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct WidgetAgent {
    id: Uuid,
    name: String,
    auth_mode: AuthMode,
    #[serde(skip)]
    is_open: bool,
}

// === impl WidgetSettings ===

impl WidgetSettings {
    /// None where there is no such agent.
    pub(crate) async fn read(
        database: &Client,
        agent: Uuid,
    ) -> Result<Option<Self>, tokio_postgres::Error> {
        let select = format!("select {COLUMNS} from agents where id = $1");
        let parameters: Parameters<'_> = &[(&agent, Type::UUID)];
        let row = database.query_typed_opt(&select, parameters).await?;
        row.as_ref().map(Self::try_from).transpose()
    }

    /// Changes what is said.
    pub(crate) async fn change(
        database: &Client,
        agent: Uuid,
        widget_enabled: Option<bool>,
        auth_mode: Option<AuthMode>,
    ) -> Result<Option<Self>, tokio_postgres::Error> {
        let update = format!(
            "update agents set widget_enabled = coalesce($2, widget_enabled), \
             widget_auth_mode = coalesce($3, widget_auth_mode), updated_at = now() \
             where id = $1 returning {COLUMNS}"
        );
        let parameters: Parameters<'_> = &[
            (&agent, Type::UUID),
            (&widget_enabled, Type::BOOL),
            (&auth_mode.map(AuthMode::as_str), Type::TEXT),
        ];
        let row = database.query_typed_opt(&update, parameters).await?;
        row.as_ref().map(Self::try_from).transpose()
    }
}

impl TryFrom<&Row> for WidgetSettings {
    type Error = tokio_postgres::Error;

    fn try_from(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            widget_enabled: row.try_get("widget_enabled")?,
            auth_mode: AuthMode::of_column(row.try_get("widget_auth_mode")?),
        })
    }
}

// === impl AuthMode ===

impl AuthMode {
    pub(crate) fn allows(self, is_guest: bool) -> bool {
        match self {
            Self::Guest => is_guest,
            Self::User => !is_guest,
            Self::Both => true,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::User => "user",
            Self::Both => "both",
        }
    }

    /// The table's check knows no other.
    fn of_column(text: &str) -> Self {
        match text {
            "guest" => Self::Guest,
            "both" => Self::Both,
            _ => Self::User,
        }
    }
}

// === impl WidgetAgent ===

impl WidgetAgent {
    pub(crate) async fn read(
        database: &Client,
        agent: Uuid,
    ) -> Result<Option<Self>, tokio_postgres::Error> {
        let select = format!("select id, name, status, {COLUMNS} from agents where id = $1");
        let parameters: Parameters<'_> = &[(&agent, Type::UUID)];
        let row = database.query_typed_opt(&select, parameters).await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let settings = WidgetSettings::try_from(&row)?;
        let is_active = row.try_get::<_, &str>("status")? == "active";
        Ok(Some(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            auth_mode: settings.auth_mode,
            is_open: is_active && settings.widget_enabled,
        }))
    }

    /// Active, and its widget not turned off.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    pub(crate) fn auth_mode(&self) -> AuthMode {
        self.auth_mode
    }
}
