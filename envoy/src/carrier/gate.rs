//! The Tollgate filters of a document, whoever it is written for.

use super::document::{Content, Node};
use super::place::Place;
use super::reader::Reader;

/// The type of what runs a module.
pub const WASM_FILTER: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
/// The type of what ECDS hands over.
pub const EXTENSION: &str = "envoy.config.core.v3.TypedExtensionConfig";
const STRING: &str = "google.protobuf.StringValue";

/// What the filter's configuration may have.
const MEMBERS: [&str; 14] = [
    "issuers",
    "api_keys",
    "token_cache",
    "accounts",
    "mounts",
    "routes",
    "caps",
    "shared_counts",
    "rate_limit_fields",
    "assertion",
    "forward_authorization",
    "filter_state",
    "errors",
    "mode",
];

/// Who runs the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Nobody yet: the filter's configuration alone.
    Bare,
    /// Envoy, or what is handed to it as it stands.
    Envoy,
    /// Istio, by a WasmPlugin.
    Istio,
    /// Envoy Gateway, by an EnvoyExtensionPolicy.
    EnvoyGateway,
}

/// A Tollgate filter.
#[derive(Clone, Debug)]
pub struct Gate<'a> {
    /// Who runs it.
    pub carrier: Carrier,
    /// The document that it is in.
    pub document: Place<'a>,
    /// What is set about it: Envoy's `PluginConfig`, a WasmPlugin's `spec`, one of `spec.wasm`.
    pub plugin: Place<'a>,
    /// Its entry in the list of filters, in Envoy.
    pub filter: Option<Place<'a>>,
    /// The HTTP connection manager with that list.
    pub manager: Option<Place<'a>>,
    /// Its own configuration.
    pub configuration: Option<Place<'a>>,
}

// === impl Gate ===

impl<'a> Gate<'a> {
    /// All of a document's.
    pub fn all(document: &'a Node, is_json: bool) -> Vec<Self> {
        let as_is = |reader| if is_json { Reader::Json } else { reader };
        if document.get("kind").is_some() {
            let whole = Place::whole(document, as_is(Reader::Kubernetes));
            return of_object(&whole);
        }
        let whole = Place::whole(document, as_is(Reader::Envoy));
        let filters = filters(&whole);
        if !filters.is_empty() {
            return filters.into_iter().filter(Self::is_tollgate).collect();
        }
        let has = |name: &&str| document.get(name).is_some();
        let of_envoy = [
            "static_resources",
            "resources",
            "@type",
            "http_filters",
            "typed_config",
            "admin",
        ];
        let is_object = !document.members().is_empty();
        if MEMBERS.iter().any(has) || is_object && !of_envoy.iter().any(has) {
            let whole = Place::whole(document, as_is(Reader::Kubernetes));
            return vec![Self {
                carrier: Carrier::Bare,
                document: whole.clone(),
                plugin: whole.clone(),
                filter: None,
                manager: None,
                configuration: Some(whole),
            }];
        }
        Vec::new()
    }

    /// Whether it is a gate of ours: by its names, or by what it is configured with.
    pub fn is_tollgate(&self) -> bool {
        let named = |text: Option<&str>| text.is_some_and(|text| text.contains("tollgate"));
        let names = [
            "name",
            "root_id",
            "vm_config.code.local.filename",
            "url",
            "pluginName",
            "code.image.url",
            "code.http.url",
        ];
        let has_issuers = |configuration: &Place<'_>| configuration.get("issuers").is_some();
        names
            .into_iter()
            .any(|name| named(self.plugin.text_of(name)))
            || self
                .filter
                .as_ref()
                .is_some_and(|filter| named(filter.text_of("name")))
            || self.configuration.as_ref().is_some_and(has_issuers)
    }

    /// The environment variables that it sees: the names, and of each whether its value stands there too. None where
    /// that is not known.
    pub fn variables(&self) -> Option<Vec<(&'a str, Option<Place<'a>>)>> {
        let names = |list: &str| {
            let names = self.plugin.each(list).into_iter();
            names
                .filter_map(|name| Some((name.text()?, None)))
                .collect::<Vec<_>>()
        };
        match self.carrier {
            Carrier::Bare => None,
            Carrier::Envoy => {
                let mut all = names("vm_config.environment_variables.host_env_keys");
                let values = self
                    .plugin
                    .get("vm_config.environment_variables.key_values");
                let values = values.iter().flat_map(Place::members);
                all.extend(values.map(|(name, at)| (name, Some(at))));
                Some(all)
            }
            Carrier::Istio => {
                let listed = self.plugin.each("vmConfig.env").into_iter();
                let one =
                    |variable: Place<'a>| Some((variable.text_of("name")?, variable.get("value")));
                Some(listed.filter_map(one).collect())
            }
            Carrier::EnvoyGateway => Some(names("env.hostKeys")),
        }
    }
}

/// Those of a Kubernetes object.
fn of_object<'a>(whole: &Place<'a>) -> Vec<Gate<'a>> {
    let gate = |carrier, plugin: Place<'a>, configuration: &str| Gate {
        carrier,
        document: whole.clone(),
        configuration: plugin.get(configuration).map(Place::named_from_here),
        plugin,
        filter: None,
        manager: None,
    };
    let found = match whole.text_of("kind").unwrap_or_default() {
        "WasmPlugin" => {
            let spec = whole.get("spec").into_iter();
            spec.map(|spec| gate(Carrier::Istio, spec, "pluginConfig"))
                .collect()
        }
        "EnvoyExtensionPolicy" => {
            let all = whole.each("spec.wasm").into_iter();
            all.map(|one| gate(Carrier::EnvoyGateway, one, "config"))
                .collect()
        }
        "List" => {
            let items = whole.each("items");
            return items.iter().flat_map(of_object).collect();
        }
        // An EnvoyFilter has Envoy's own in its patches.
        _ => filters(whole),
    };
    let is_named = whole
        .text_of("metadata.name")
        .is_some_and(|name| name.contains("tollgate"));
    // The object's name tells only where nothing in it does.
    if is_named && !found.iter().any(Gate::is_tollgate) {
        return found;
    }
    found.into_iter().filter(Gate::is_tollgate).collect()
}

/// All Wasm filters of Envoy's, whosever they are.
pub fn filters<'a>(whole: &Place<'a>) -> Vec<Gate<'a>> {
    let mut found = Vec::new();
    whole.walk(&mut |at| {
        for filter in at.each("http_filters") {
            found.extend(filter_of(whole, filter, Some(at)));
        }
        // A patch of an EnvoyFilter or an EnvoyPatchPolicy, and what ECDS hands over.
        let is_resource = at
            .text_of("@type")
            .is_some_and(|kind| kind.ends_with(EXTENSION));
        if is_patch(at) || is_resource {
            found.extend(filter_of(whole, at.clone(), None));
        }
    });
    found
}

/// Whether an EnvoyFilter or an EnvoyPatchPolicy puts it somewhere.
pub fn is_patch(at: &Place<'_>) -> bool {
    ["patch.value", "operation.value"]
        .iter()
        .any(|end| at.path.ends_with(end))
}

fn filter_of<'a>(
    whole: &Place<'a>,
    filter: Place<'a>,
    manager: Option<&Place<'a>>,
) -> Option<Gate<'a>> {
    let typed = filter.get("typed_config")?;
    let is_wasm = |name: &str| {
        typed
            .text_of(name)
            .is_some_and(|kind| kind.ends_with(WASM_FILTER))
    };
    let plugin = if is_wasm("type_url") {
        typed.get("value.config")?
    } else if is_wasm("@type") {
        typed.get("config")?
    } else {
        return None;
    };
    let configuration = plugin.get("configuration").and_then(|handed| {
        let kind = handed.text_of("@type").unwrap_or_default();
        let value = handed.get("value");
        if kind.ends_with(STRING) {
            return value.map(|value| value.read_by(Reader::Json));
        }
        value
    });
    let configuration = configuration.map(Place::named_from_here);
    Some(Gate {
        carrier: Carrier::Envoy,
        document: whole.clone(),
        plugin,
        filter: Some(filter),
        manager: manager.cloned(),
        configuration,
    })
}

/// Opens what stands in texts: the JSON of a `StringValue`.
pub fn unfold(node: &mut Node) {
    let is_text = node
        .get("@type")
        .and_then(Node::text)
        .is_some_and(|kind| kind.ends_with(STRING));
    match &mut node.content {
        Content::Scalar(_) => {}
        Content::List(items) => items.iter_mut().for_each(unfold),
        Content::Object(members) => {
            for member in members {
                let opened = (is_text && member.name == "value")
                    .then(|| member.value.embedded(true))
                    .flatten()
                    .and_then(|parsed| parsed.documents.into_iter().next())
                    .filter(|document| matches!(document.content, Content::Object(_)));
                match opened {
                    Some(document) => member.value = document,
                    None => unfold(&mut member.value),
                }
            }
        }
    }
}
