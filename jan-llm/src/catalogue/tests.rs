use super::*;

fn model(id: &str, rest: Value) -> Model {
    let mut model = Model::new(id, "up");
    model.rest = rest.as_object().unwrap().clone();
    model
}

fn one(id: &str, rest: Value) -> ListedModel {
    listed(vec![model(id, rest)]).remove(0)
}

fn flags(entry: &ListedModel) -> Value {
    let shown = serde_json::to_value(entry.details()).unwrap();
    ["tools", "reasoning", "images", "embeddings"]
        .iter()
        .map(|name| shown[format!("supports_{name}")].clone())
        .collect()
}

#[test]
fn unstated_capabilities_have_the_documented_defaults() {
    let plain = one("m", json!({}));
    let shown = serde_json::to_value(plain.details()).unwrap();
    assert_eq!(flags(&plain), json!([true, false, false, false]));
    assert_eq!(shown["supports_browser"], false);
    assert_eq!(shown["supports_instruct"], false);
    assert_eq!((plain.display_name.as_str(), plain.category.as_str()), ("m", "up"));
    assert!(shown["supported_parameters"]["names"].as_array().unwrap().contains(&json!("tools")));
    let embeds = one("text-embedding-3", json!({}));
    assert_eq!((flags(&embeds), embeds.category.as_str()), (json!([false, false, false, true]), EMBEDDING));
}

#[test]
fn the_capability_members_of_each_kind_of_upstream_are_understood() {
    let open_router = json!({"name": "Maker: Model", "context_length": 4096, "description": "Good.",
        "architecture": {"input_modalities": ["text", "image"]}, "supported_parameters": ["temperature", "reasoning"]});
    let entry = one("maker/model", open_router);
    assert_eq!(flags(&entry), json!([false, true, true, false]));
    assert_eq!((entry.display_name.as_str(), entry.info.context_length), ("Maker: Model", Some(4096)));
    let stated = |rest| flags(&one("m", rest));
    assert_eq!(
        stated(json!({"capabilities": {"function_calling": false, "vision": true}})),
        json!([false, false, true, false])
    );
    assert_eq!(
        stated(json!({"capabilities": ["tool_use"], "type": "vlm"})),
        json!([true, false, true, false])
    );
    assert_eq!(stated(json!({"type": "embeddings"})), json!([false, false, false, true]));
    assert_eq!(
        stated(json!({"supports_tools": false, "supports_reasoning": true})),
        json!([false, true, false, false])
    );
    let context = |rest| one("m", rest).info.context_length;
    assert_eq!(context(json!({"max_model_len": 8})), Some(8));
    assert_eq!(context(json!({"meta": {"n_ctx_train": 9}})), Some(9));
    // Malformed members are ignored.
    let odd = json!({"capabilities": 7, "architecture": "x", "supported_parameters": {}, "name": "", "context_length": -1});
    assert_eq!((stated(odd.clone()), context(odd)), (json!([true, false, false, false]), None));
}

#[test]
fn configured_values_take_precedence_over_the_upstreams_list() {
    let mut known = model("m", json!({"supports_tools": true, "name": "list"}));
    known.info.supports.tools = Some(false);
    known.info.display_name = Some("The Model".into());
    let entry = listed(vec![known]).remove(0);
    assert_eq!((flags(&entry)[0].clone(), entry.display_name.as_str()), (json!(false), "The Model"));
    assert_eq!(entry.shape(false).0["model_display_name"], "The Model");
}

#[test]
fn the_order_does_not_depend_on_the_order_of_the_upstreams_list() {
    let from = |provider: &str, id: &str, order: Option<i64>| {
        let mut model = model(id, json!({}));
        model.provider = provider.to_owned();
        model.info.order = order;
        model
    };
    let models = [
        from("b", "b-embed", None),
        from("b", "B2", None),
        from("b", "b1", None),
        from("b", "last", Some(9)),
        from("b", "first", Some(2)),
        from("a", "a1", None),
    ];
    let list = |models: Vec<Model>| {
        let row = |entry: ListedModel| (entry.model.id, entry.category, entry.category_order, entry.order);
        listed(models).into_iter().map(row).collect::<Vec<_>>()
    };
    let row = |id: &str, category: &str, at, place| (id.to_owned(), category.to_owned(), at, place);
    let expected = vec![
        row("first", "b", 0, 2),
        row("last", "b", 0, 9),
        row("b1", "b", 0, 10),
        row("B2", "b", 0, 11),
        row("a1", "a", 1, 0),
        row("b-embed", EMBEDDING, 2, 0),
    ];
    assert_eq!(list(models.to_vec()), expected);
    let mut reversed = models[..5].to_vec();
    reversed.reverse();
    reversed.push(models[5].clone());
    assert_eq!(list(reversed), expected);
}

#[test]
fn a_row_names_its_provider_only_on_request() {
    let mut model = model("m", json!({"extra": 1}));
    model.provider = "upstream".into();
    let entry = listed(vec![model]).remove(0);
    let (plain, with_provider) = (entry.shape(false).0, entry.shape(true).0);
    assert_eq!((&plain["id"], &plain["object"], &plain["extra"]), (&json!("m"), &json!("model"), &json!(1)));
    assert!(
        plain.get("provider_id").is_none() && plain.get("provider").is_none() && plain.get("info").is_none()
    );
    assert_eq!(
        (&with_provider["provider_id"], &with_provider["provider_vendor"]),
        (&json!("upstream"), &json!("custom"))
    );
}
