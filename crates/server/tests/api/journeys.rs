//! Journeys, retention and pathways over HTTP.

use serde_json::{Value, json};

use crate::server::{TestServer, click, now, view};

const DAY_MIN: i64 = 24 * 60;

/// Ada buys in two sessions, Bea leaves the cart, Cid only looks.
async fn shop() -> TestServer {
    let server = TestServer::start().await;
    let events = vec![
        view("ada", "s1", "/", 60),
        view("ada", "s1", "/cart", 55),
        click("ada", "s1", "BUY", 50),
        view("ada", "s5", "/cart", 20),
        click("ada", "s5", "BUY", 19),
        view("bea", "s2", "/", 40),
        view("bea", "s2", "/cart", 39),
        view("cid", "s3", "/", 30),
        view("cid", "s4", "/", 3 * DAY_MIN),
    ];
    server.rum(&events).await;
    server
}

fn node(query: &str) -> Value {
    json!({"data_source": "product_analytics", "search": {"query": query}})
}

fn buying(entity: &str) -> Value {
    json!({
        "expression": "A -> B",
        "node_objects": {"A": node("@type:view @view.url_path:/cart"), "B": node("@action.name:BUY")},
        "join_keys": {"primary": entity},
    })
}

fn asked(query: Value) -> Value {
    json!({"from": now().millis() - 7 * 86_400_000, "to": now().millis(), "query": query})
}

async fn ok(server: &TestServer, path: &str, kind: &str, attributes: Value) -> Value {
    let (status, answer) = server.post(path, kind, attributes).await;
    assert_eq!(status, 200, "{answer}");
    answer["data"]["attributes"].clone()
}

#[tokio::test]
async fn a_funnel_its_numbers_and_its_people_agree() {
    let server = shop().await;
    for (entity, steps, total) in [("@session.id", [3, 2], 2), ("@usr.id", [2, 1], 2)] {
        let funnel =
            ok(&server, "/journey/funnel", "journey_request", asked(json!({"search": buying(entity)}))).await;
        let values: Vec<&Value> =
            funnel["funnel_steps"].as_array().unwrap().iter().map(|step| &step["value"]).collect();
        assert_eq!(values, [&json!(steps[0]), &json!(steps[1])]);
        assert_eq!(funnel["initial_count"], steps[0]);
        for (conversion, count) in [("conversion", steps[1]), ("drop-off", steps[0] - steps[1])] {
            let list = asked(json!({
                "search": buying(entity), "target": {"type": "path", "start": "A", "end": "B"},
                "conversion_type": conversion, "entity_columns": ["@geo.country"],
                "computed_columns": [{"name": "first_conversion_timestamps"}],
            }));
            let list = ok(&server, "/journey/list", "journey_list_request", list).await;
            assert_eq!(list["total_count"], count, "{list}");
            assert_eq!(list["records"][0]["@geo.country"], "Brazil");
            assert_eq!(list["records"][0]["B_timestamp"].is_null(), conversion == "drop-off");
        }
        let scalar = asked(json!({"search": buying(entity), "compute": {"aggregation": "count"}}));
        let scalar = ok(&server, "/journey/scalar", "formula_journey_request", scalar).await;
        assert_eq!(scalar["columns"][0]["values"], json!([total]));
    }
    let search = buying("@session.id");
    let time = |aggregation: &str| {
        asked(
            json!({"search": search, "compute": {"aggregation": aggregation, "metric": "__dd.time_to_convert"}}),
        )
    };
    for (aggregation, ms) in [("min", 60_000), ("max", 300_000), ("avg", 180_000)] {
        let scalar = ok(&server, "/journey/scalar", "formula_journey_request", time(aggregation)).await;
        assert_eq!(scalar["columns"][0]["values"], json!([ms]));
    }
    let series = asked(
        json!({"search": search, "compute": {"aggregation": "cardinality", "interval": 86_400_000},
                              "group_by": [{"facet": "@geo.country", "target": {"type": "node", "value": "A"}}]}),
    );
    let series = ok(&server, "/journey/timeseries", "formula_journey_request", series).await;
    assert_eq!(series["series"][0]["group_tags"], json!(["Brazil"]));
    assert_eq!(series["values"][0].as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>(), 2);
    let next = json!({"expression": "A", "node_objects": {"A": node("@view.url_path:/cart")}});
    let next =
        ok(&server, "/journey/suggestions", "journey_suggestions_request", asked(json!({"search": next})))
            .await;
    assert_eq!(next["suggestions"][0]["label"], "BUY");
    assert_eq!(next["suggestions"][0]["count"], 2);
}

#[tokio::test]
async fn what_a_journey_cannot_mean_is_refused_by_name() {
    let server = shop().await;
    let refused = async |change: &dyn Fn(&mut Value), status: u16, at: &str| {
        let mut attributes =
            asked(json!({"search": buying("@usr.id"), "compute": {"aggregation": "cardinality"}}));
        change(&mut attributes);
        let (found, answer) = server.post("/journey/scalar", "formula_journey_request", attributes).await;
        let text = answer["errors"][0].as_str().unwrap().to_string();
        assert_eq!((found, text.contains(at)), (status, true), "{text}");
    };
    refused(&|body| body["query"]["search"]["expression"] = json!("A -> C"), 400, "/query/search/expression")
        .await;
    refused(&|body| body["to"] = json!(0), 400, "/data/attributes/from").await;
    refused(&|body| body["query"]["compute"]["metric"] = json!("__dd.luck"), 400, "/query/compute/metric")
        .await;
    refused(
        &|body| body["query"]["compute"]["target"] = json!({"type": "node", "value": "Z"}),
        400,
        "/target",
    )
    .await;
    let segment = json!({"segments": [{"name": "s", "segment_id": "018f0000-0000-7000-8000-000000000000"}]});
    refused(
        &|body| body["query"]["search"]["filters"] = json!({"audience_filters": segment}),
        400,
        "/audience_filters/segments/0",
    )
    .await;
    refused(
        &|body| body["query"]["search"]["node_objects"]["A"]["search"]["query"] = json!("("),
        400,
        "/node_objects/A",
    )
    .await;
}

fn returning(entity: &str) -> Value {
    json!({
        "cohort_criteria": {
            "base_query": node("@type:view"),
            "time_interval": {"type": "calendar", "value": {"type": "day", "timezone": "UTC"}},
        },
        "retention_entity": entity,
        "return_condition": "conversion_on",
    })
}

#[tokio::test]
async fn a_retention_grid_and_its_people_agree() {
    let server = shop().await;
    let compute = json!({"aggregation": "count", "metric": "__dd.retention"});
    let grid = asked(json!({"search": returning("@usr.id"), "compute": compute}));
    let grid = ok(&server, "/retention/grid", "retention_grid_request", grid).await;
    let cohorts = grid["cohorts"].as_array().unwrap();
    let mut joined = 0;
    for cohort in cohorts.iter().filter(|cohort| cohort["type"] == "raw") {
        joined += cohort["cohort_size"].as_u64().unwrap();
        for cell in cohort["cells"].as_array().unwrap() {
            let index = |value: &Value| json!({"type": "index", "value": value});
            let scope = json!({"type": "cell", "cohort_target": index(&cohort["cohort_index"]),
                               "return_period_target": index(&cell["return_period_index"])});
            let asked = asked(json!({"search": returning("@usr.id"), "computation_scope": scope}));
            let list = ok(&server, "/retention/list", "retention_list_request", asked).await;
            assert_eq!(
                list["records"].as_array().unwrap().len() as u64,
                cell["cell_count"].as_u64().unwrap()
            );
        }
    }
    assert_eq!(joined, 3);
    let cid = cohorts.iter().find(|cohort| cohort["cohort_size"] == 1).unwrap();
    assert_eq!(cid["cells"][3]["cell_count"], 1, "{cid}");
    let scope = json!({"type": "return_period", "target": {"type": "index", "value": 0}});
    let scalar = asked(json!({"search": returning("@usr.id"), "computation_scope": scope,
                              "compute": {"aggregation": "count", "metric": "__dd.retention_rate"}}));
    let scalar = ok(&server, "/retention/scalar", "formula_retention_request", scalar).await;
    assert_eq!(scalar["columns"][0]["values"], json!([1]));
    let scope = json!({"type": "return_period", "target": {"type": "index", "value": 3}});
    let series =
        asked(json!({"search": returning("@usr.id"), "compute": compute, "computation_scope": scope}));
    let series = ok(&server, "/retention/timeseries", "formula_retention_request", series).await;
    assert_eq!(series["values"][0].as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>(), 1);
}

#[tokio::test]
async fn pathways_lose_nobody() {
    let server = shop().await;
    let sankey = async |definition: Value| {
        let attributes = json!({
            "definition": definition, "search": {"query": "@type:view"},
            "time": {"from": 0, "to": now().millis()},
        });
        ok(&server, "/sankey", "sankey_request", attributes).await
    };
    let facets = json!({"source": "@view.url_path", "target": "@view.url_path", "entries_per_step": 1});
    let answer = sankey(facets.clone()).await;
    let nodes = answer["nodes"].as_array().unwrap();
    let value = |node: &Value, name: &str| node[name].as_u64().unwrap();
    for node in nodes {
        assert_eq!(value(node, "value"), value(node, "outgoing_value") + value(node, "dropoff_value"));
        assert!(node["column"] == 0 || node["value"] == node["incoming_value"], "{node}");
    }
    let first: Vec<(&Value, &Value)> =
        nodes.iter().filter(|node| node["column"] == 0).map(|node| (&node["name"], &node["value"])).collect();
    assert_eq!(first, [(&json!("/"), &json!(4)), (&json!("Other"), &json!(1))]);
    assert_eq!(nodes[1]["aggregated_nodes"][0]["name"], "/cart");
    let mut ending = facets;
    ending["mode"] = json!("target");
    ending["anchor"] = json!("@view.url_path:/c*");
    let answer = sankey(ending).await;
    assert_eq!((&answer["nodes"][0]["name"], &answer["nodes"][0]["value"]), (&json!("/cart"), &json!(3)));
}

#[tokio::test]
async fn a_number_becomes_the_segment_of_those_behind_it() {
    let server = shop().await;
    let from = async |kind: &str, request: Value, target: Value| {
        let attributes = json!({"kind": kind, "request": request, "target": target});
        let made = ok(&server, "/segments/from", "segment_from", attributes).await;
        let count = server.preview(made["definition"].clone()).await["data"]["attributes"]["count"].clone();
        (made["exact"].as_bool().unwrap(), count.as_u64().unwrap())
    };
    let funnel = || asked(json!({"search": buying("@usr.id")}));
    assert_eq!(
        from("funnel_step", funnel(), json!({"step": 2, "conversion_type": "conversion"})).await,
        (true, 1)
    );
    assert_eq!(
        from("funnel_step", funnel(), json!({"step": 2, "conversion_type": "drop-off"})).await,
        (true, 1)
    );
    let grid = asked(
        json!({"search": returning("@usr.id"), "compute": {"aggregation": "count", "metric": "__dd.retention"}}),
    );
    assert_eq!(from("retention_cell", grid, json!({"cohort": 7, "period": 0})).await, (true, 2));
    assert_eq!(from("users_query", json!({"query": "user_id:ada"}), Value::Null).await, (true, 1));
    let scalar = asked(json!({"query": node("@type:view"), "group_by": [{"facet": "@view.url_path"}],
                              "compute": {"aggregation": "cardinality", "metric": "@usr.id"}}));
    assert_eq!(
        from("analytics_group", scalar, json!({"group": {"@view.url_path": "/cart"}})).await,
        (true, 2)
    );
    let sankey = json!({"definition": {"source": "@view.url_path", "target": "@view.url_path"}, "search": {},
                        "time": {"from": 0, "to": now().millis()}});
    let link = json!({"column": 0, "source": "/", "target": "/cart"});
    assert_eq!(from("pathway_link", sankey, link).await, (false, 2));
    let wrong = json!({"kind": "funnel_step", "request": funnel(), "target": {"step": 3}});
    let (status, answer) = server.post("/segments/from", "segment_from", wrong).await;
    assert_eq!(status, 400, "{answer}");
}
