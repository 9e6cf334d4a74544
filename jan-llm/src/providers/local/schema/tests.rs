use super::*;

fn plain(schema: Value) -> Value {
    Value::Object(Plain::read(&schema).unwrap_or_else(|why| panic!("{schema}: {why}")).document())
}

fn refused(schema: &Value) -> String {
    Plain::read(schema).map(Plain::document).expect_err(&schema.to_string())
}

#[test]
fn bounds_are_added_only_where_the_schema_has_none() {
    let schema = plain(json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "Who"},
            "code": {"type": "string", "maxLength": 3},
            "long": {"type": "string", "minLength": 300},
            "kind": {"type": "string", "enum": ["a"]},
            "tags": {"type": ["array", "null"], "items": {"type": "integer", "minimum": 1}},
            "large": {"type": "integer", "minimum": 1e17},
            "any": {}
        },
        "required": ["name", "unlisted"]
    }));
    assert_eq!(schema["additionalProperties"], false);
    let members = &schema["properties"];
    assert_eq!(members["name"], json!({"type": "string", "maxLength": 256}));
    assert_eq!(members["code"]["maxLength"], 3);
    assert_eq!(members["long"]["maxLength"], 300);
    assert!(members["kind"].get("maxLength").is_none());
    assert_eq!((&members["tags"]["maxItems"], &members["tags"]["items"]["minimum"]), (&json!(16), &json!(1)));
    assert!(members["large"].get("maximum").is_none());
    assert!(members["any"]["anyOf"].is_array() && members["unlisted"]["anyOf"].is_array());
    assert_eq!(plain(json!({"type": "object"}))["maxProperties"], 16);
    assert_eq!(plain(json!({"properties": {"a": {}}}))["type"], "object");
}

#[test]
fn combinations_are_merged_before_other_members_are_forbidden() {
    let schema = plain(json!({
        "$defs": {"named": {"type": "object", "properties": {"name": {"type": "string", "minLength": 2}}, "required": ["name"]}},
        "properties": {"age": {"type": "number"}},
        "allOf": [
            {"$ref": "#/$defs/named"},
            {"properties": {"age": {"type": "integer", "minimum": 0}, "name": {"maxLength": 5}}, "required": ["age"]}
        ]
    }));
    let members = &schema["properties"];
    assert_eq!(schema["type"], "object");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(members["name"], json!({"type": "string", "minLength": 2, "maxLength": 5}));
    assert_eq!((&members["age"]["type"], &members["age"]["minimum"]), (&json!("integer"), &json!(0)));
    assert_eq!(schema["required"], json!(["name", "age"]));

    let schema = plain(json!({
        "type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"],
        "oneOf": [{"properties": {"cat": {"type": "string"}}, "required": ["cat"]},
                  {"properties": {"dog": {"type": "string"}}, "required": ["dog"]}]
    }));
    for (at, name) in ["cat", "dog"].iter().enumerate() {
        let branch = &schema["oneOf"][at];
        let names: Vec<&String> = branch["properties"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["id", name]);
        assert_eq!(branch["additionalProperties"], false);
        assert_eq!(branch["required"], json!(["id", name]));
    }
    // `additionalProperties` of one part applies to the members of the other parts.
    let closed = json!({"allOf": [
        {"properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string", "maxLength": 2}},
        {"properties": {"b": {"type": ["string", "null"]}}}]});
    assert_eq!(plain(closed)["properties"]["b"], json!({"type": "string", "maxLength": 2}));
}

#[test]
fn a_recursive_schema_has_few_definitions() {
    for next in [
        json!({"$ref": "#/$defs/node"}),
        json!({"$ref": "#/$defs/node", "description": "the next one"}),
        json!({"allOf": [{"$ref": "#/$defs/node"}, {"required": ["value"]}]}),
        json!({"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}),
        json!({"$ref": "#/$defs/node", "properties": {"more": {"type": "boolean"}}}),
    ] {
        let node = json!({"type": "object", "properties": {"value": {"type": "integer"}, "next": next}});
        let schema = plain(json!({"$ref": "#/$defs/node", "$defs": {"node": node}}));
        assert!(schema["$defs"].as_object().unwrap().len() <= 3, "{schema}");
    }
    let both = plain(json!({"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}], "$defs": {
        "a": {"type": "object", "properties": {"child": {"$ref": "#/$defs/a"}}},
        "b": {"type": "object", "properties": {"child": {"$ref": "#/$defs/b"}}}}}));
    assert_eq!(both["$defs"].as_object().unwrap().len(), 1, "{both}");
    // References to a name with escaped characters, and to the whole document.
    assert!(
        plain(json!({"$ref": "#/$defs/a~1b%20c", "$defs": {"a/b c": {"type": "null"}}}))["type"] == "null"
    );
    plain(json!({"type": "object", "properties": {"again": {"$ref": "#"}}}));
}

#[test]
fn a_schema_that_no_finite_value_matches_is_refused_with_a_reason() {
    let holds = |kind: Value| json!({"$ref": "#/$defs/a", "$defs": {"a": kind}});
    let again = json!({"$ref": "#/$defs/a"});
    for schema in [
        json!({"$ref": "#"}),
        holds(again.clone()),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}}),
        holds(json!({"type": "object", "properties": {"a": again}, "required": ["a"]})),
        holds(json!({"properties": {"a": again}, "required": ["a"]})),
        holds(json!({"type": "array", "items": again, "minItems": 1})),
        holds(json!({"type": "array", "prefixItems": [again], "minItems": 1})),
        holds(
            json!({"anyOf": [again, {"type": "object", "additionalProperties": again, "required": ["x"]}]}),
        ),
        json!({"allOf": [{"type": "string"}, {"type": "integer"}]}),
        json!({"allOf": [{"enum": [1, 2]}, {"const": 3}]}),
        json!({"type": "object", "properties": {"a": false}, "required": ["a"]}),
    ] {
        assert!(refused(&schema).contains("nothing that ends"), "{schema}: {}", refused(&schema));
    }
    // Similar schemas that finite values match.
    for schema in [
        holds(json!({"type": "object", "properties": {"a": again}})),
        holds(json!({"type": ["object", "null"], "properties": {"a": again}, "required": ["a"]})),
        holds(json!({"type": "array", "items": again})),
        holds(json!({"anyOf": [again, {"type": "null"}]})),
    ] {
        plain(schema);
    }
    for (schema, why) in [
        (json!({"$ref": "#/$defs/gone"}), "`#/$defs/gone`, which is not in it"),
        (json!({"$ref": "https://example.com/schema"}), "which is not in it"),
        (json!({"$ref": 7}), "must be a string"),
        (json!({"anyOf": {}}), "`anyOf` must be a list"),
        (json!({"properties": {"a": 7}}), "`7` is no schema"),
        (json!([]), "must be an object"),
    ] {
        assert!(refused(&schema).contains(why), "{schema}: {}", refused(&schema));
    }
    // Each choice doubles the number of branches.
    let choice = json!({"anyOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]});
    assert!(refused(&json!({"allOf": vec![choice; 40]})).contains("too large"));
    // A chain of definitions, each used in a member of the one before.
    let chain = |links: usize| {
        let link =
            |n| json!({"type": "object", "properties": {"next": {"$ref": format!("#/$defs/{}", n + 1)}}});
        let links = (0..links)
            .map(|n| (n.to_string(), link(n)))
            .chain([(links.to_string(), json!({"type": "null"}))]);
        json!({"$ref": "#/$defs/0", "$defs": Map::from_iter(links)})
    };
    plain(chain(100));
    assert!(refused(&chain(5000)).contains("it is too"));
    let nested = (0..100).fold(json!({"type": "null"}), |inner, _| json!({"allOf": [inner]}));
    plain(nested);
    let chain = (0..200).map(|n| (n.to_string(), json!({"$ref": format!("#/$defs/{}", n + 1)})));
    let chain: Map<String, Value> = chain.chain([("200".to_owned(), json!({"type": "null"}))]).collect();
    assert!(refused(&json!({"$ref": "#/$defs/0", "$defs": chain})).contains("more than 64 times"));
}

#[test]
fn a_function_without_parameters_takes_an_empty_object() {
    for parameters in
        [None, Some(json!(null)), Some(json!({})), Some(json!({"type": "object", "description": "None."}))]
    {
        let read = Plain::arguments(parameters.as_ref(), "").unwrap().document();
        assert_eq!(
            Value::Object(read),
            json!({"type": "object", "properties": {}, "additionalProperties": false})
        );
    }
    let text = json!({"type": "string"});
    assert!(Plain::arguments(Some(&text), "").is_err(), "arguments are an object");
    let references = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "null"}}});
    let one = || Plain::arguments(Some(&references), "0.").unwrap();
    let other = Plain::arguments(Some(&references), "1.").unwrap();
    let calls = Plain::call(vec![("f", one()), ("g", other)]).document();
    assert_eq!(calls["$defs"].as_object().unwrap().len(), 2, "each function has definitions of its own");
}

#[test]
fn a_schema_whose_paths_double_with_every_reference_is_refused() {
    let twice = |next: usize| {
        let one = json!({"$ref": format!("#/$defs/a{next}")});
        json!({"allOf": [one, one]})
    };
    let defs: Map<String, Value> = (0..40).map(|n| (format!("a{n}"), twice(n + 1))).collect();
    let defs: Map<String, Value> = defs.into_iter().chain([("a40".to_owned(), json!(true))]).collect();
    assert!(refused(&json!({"$ref": "#/$defs/a0", "$defs": defs})).contains("too large"));
    let long = "x".repeat(1 << 20);
    let many = json!({"const": long, "anyOf": vec![json!({}); 10_000]});
    assert!(refused(&many).contains("too large"));
}
