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

/// What a document of Envoy's may have, and no configuration of the filter.
const OF_ENVOY: [&str; 6] = [
    "static_resources",
    "resources",
    "@type",
    "http_filters",
    "typed_config",
    "admin",
];

/// The lists of HTTP filters, in both spellings.
const LISTS: [&str; 4] = [
    "http_filters",
    "httpFilters",
    "upstream_http_filters",
    "upstreamHttpFilters",
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

/// Whatever runs a module in a document.
#[derive(Debug, Default)]
pub struct Modules<'a> {
    /// Ours.
    pub gates: Vec<Gate<'a>>,
    /// The others, as far as anybody can tell.
    pub others: Vec<Gate<'a>>,
}

/// A document, as whom it is written for reads it.
pub fn whole(document: &Node, is_json: bool) -> Place<'_> {
    let reader = match document.get("kind") {
        _ if is_json => Reader::Json,
        Some(_) => Reader::Kubernetes,
        None => Reader::Envoy,
    };
    Place::whole(document, reader)
}

// === impl Modules ===

impl<'a> Modules<'a> {
    /// Those of a document.
    pub fn of(document: &'a Node, is_json: bool) -> Self {
        let whole = whole(document, is_json);
        if document.get("kind").is_some() {
            let mut found = Self::default();
            found.add_object(&whole);
            return found;
        }
        let filters = filters(&whole);
        if !filters.is_empty() {
            return Self::by_themselves(filters);
        }
        let has = |name: &&str| document.get(name).is_some();
        let is_object = !document.members().is_empty();
        if MEMBERS.iter().any(has) || is_object && !OF_ENVOY.iter().any(has) {
            let reader = if is_json {
                Reader::Json
            } else {
                Reader::Kubernetes
            };
            return Self {
                gates: vec![Gate::bare(whole.read_by(reader))],
                others: Vec::new(),
            };
        }
        Self::default()
    }

    /// Those of a Kubernetes object.
    fn add_object(&mut self, whole: &Place<'a>) {
        let gate = |carrier, plugin: Place<'a>, configuration: &str| Gate {
            carrier,
            document: whole.clone(),
            configuration: plugin.get(configuration).map(Place::named_from_here),
            plugin,
            filter: None,
            manager: None,
        };
        let found: Vec<_> = match whole.text_of("kind").unwrap_or_default() {
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
                return items.iter().for_each(|item| self.add_object(item));
            }
            // An EnvoyFilter has Envoy's own in its patches.
            _ => filters(whole),
        };
        let is_named = whole
            .text_of("metadata.name")
            .is_some_and(|name| name.contains("tollgate"));
        // The object's name tells only where nothing in it does.
        if is_named && !found.iter().any(Gate::is_tollgate) {
            self.gates.extend(found);
            return;
        }
        let found = Self::by_themselves(found);
        self.gates.extend(found.gates);
        self.others.extend(found.others);
    }

    fn by_themselves(all: Vec<Gate<'a>>) -> Self {
        let (gates, others) = all.into_iter().partition(Gate::is_tollgate);
        Self { gates, others }
    }
}

// === impl Gate ===

impl<'a> Gate<'a> {
    /// All of a document's.
    pub fn all(document: &'a Node, is_json: bool) -> Vec<Self> {
        Modules::of(document, is_json).gates
    }

    fn bare(whole: Place<'a>) -> Self {
        Self {
            carrier: Carrier::Bare,
            document: whole.clone(),
            plugin: whole.clone(),
            filter: None,
            manager: None,
            configuration: Some(whole),
        }
    }

    /// Whether two run the same module, by where it comes from.
    pub fn runs_as(&self, other: &Self) -> bool {
        let code = |gate: &Self| {
            let mut places = ["vm_config.code", "url", "code"].into_iter();
            let code = places.find_map(|place| gate.plugin.get(place))?;
            Some(code.reader().value(code.node))
        };
        code(self).is_some_and(|own| code(other).is_some_and(|other| own == other))
    }

    /// Whether it is configured with what a gate is, or with some of it.
    pub fn is_alike(&self) -> bool {
        let known = |(name, _): &(&str, Place<'a>)| MEMBERS.contains(name);
        let members = self.configuration.iter().flat_map(Place::members);
        members.filter(known).count() > 1
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

/// All Wasm filters of Envoy's, whosever they are, and wherever: in a list of filters, behind a matcher, as what ECDS falls
/// back to, in a patch.
pub fn filters<'a>(whole: &Place<'a>) -> Vec<Gate<'a>> {
    let mut found = Vec::new();
    let search = Search {
        whole,
        filter: None,
        manager: None,
    };
    search.walk(whole, &mut found);
    found
}

/// Whether an EnvoyFilter or an EnvoyPatchPolicy puts it somewhere.
pub fn is_patch(at: &Place<'_>) -> bool {
    ["patch.value", "operation.value"]
        .iter()
        .any(|end| at.path.ends_with(end))
}

/// The search for Wasm filters, at a place.
struct Search<'s, 'a> {
    whole: &'s Place<'a>,
    /// The filter that it is in: an entry of a list of them, or what has a `typed_config`.
    filter: Option<&'s Place<'a>>,
    /// What has that list.
    manager: Option<&'s Place<'a>>,
}

// === impl Search ===

impl<'a> Search<'_, 'a> {
    fn walk(&self, at: &Place<'a>, found: &mut Vec<Gate<'a>>) {
        if let Some(plugin) = plugin(at) {
            found.push(self.gate(plugin));
            return;
        }
        let is_named = self.manager.is_none() && at.get("typed_config").is_some();
        let within = Search {
            filter: if is_named { Some(at) } else { self.filter },
            ..*self
        };
        for (name, below) in at.members() {
            if LISTS.contains(&name) {
                for filter in below.items() {
                    let of_list = Search {
                        whole: self.whole,
                        filter: Some(&filter),
                        manager: Some(at),
                    };
                    of_list.walk(&filter, found);
                }
            } else {
                within.walk(&below, found);
            }
        }
        at.items().for_each(|below| within.walk(&below, found));
    }

    fn gate(&self, plugin: Place<'a>) -> Gate<'a> {
        let configuration = plugin.get("configuration").and_then(|handed| {
            let kind = handed.text_of("@type").unwrap_or_default();
            let value = handed.get("value");
            if kind.ends_with(STRING) {
                return value.map(|value| value.read_by(Reader::Json));
            }
            value
        });
        Gate {
            carrier: Carrier::Envoy,
            document: self.whole.clone(),
            plugin,
            filter: self.filter.cloned(),
            manager: self.manager.cloned(),
            configuration: configuration.map(Place::named_from_here),
        }
    }
}

/// The `PluginConfig` that a place has, as the configuration of a Wasm filter or as a patch for the inside of one.
fn plugin<'a>(at: &Place<'a>) -> Option<Place<'a>> {
    let is_wasm = |name: &str| {
        at.text_of(name)
            .is_some_and(|kind| kind.ends_with(WASM_FILTER))
    };
    if is_wasm("type_url") {
        return at.get("value.config");
    }
    if is_wasm("@type") {
        return at.get("config");
    }
    let is_inside = is_patch(at) && at.get("configuration").is_some();
    (is_inside && at.get("vm_config").is_some()).then(|| at.clone())
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
