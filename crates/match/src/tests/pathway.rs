use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::*;

#[test]
fn paths_are_cut_and_collapsed() {
    let check = |values: &str, cut: Cut<'_>, expected: Option<&str>| {
        let values: Vec<u32> = values.chars().map(u32::from).collect();
        let mut path = Vec::new();
        let kept = collapse(&values, &cut, 4, &mut path)
            .then(|| path.iter().map(|value| char::from_u32(*value).unwrap()).collect::<String>());
        assert_eq!(kept.as_deref(), expected, "{values:?}");
    };
    let is_b = |value: u32| value == u32::from('b');
    let is_b_or_c = |value: u32| is_b(value) || value == u32::from('c');
    check("", Cut::None, None);
    check("aab", Cut::None, Some("ab"));
    // A page that was seen is not counted again.
    check("abac", Cut::None, Some("abc"));
    check("abcdefg", Cut::None, Some("abcd"));
    check("abcab", Cut::StartingAt(&is_b), Some("bca"));
    check("acbc", Cut::StartingAt(&is_b_or_c), Some("cb"));
    check("acd", Cut::StartingAt(&is_b), None);
    check("abcbd", Cut::EndingAt(&is_b), Some("bca"));
    check("abcd", Cut::EndingAt(&is_b_or_c), Some("cba"));
    check("acd", Cut::EndingAt(&is_b), None);
}

#[test]
fn the_graph_names_the_heaviest() {
    let mut tree = PathTree::default();
    for (path, sessions) in [(vec![1, 2, 3], 3), (vec![1, 4], 2), (vec![2], 2), (vec![3, 1], 2)] {
        tree.add(&path, sessions);
    }
    let graph = tree.graph(2, 2);
    use Place::{Dropoff, Other, Value};
    assert_eq!(
        graph.steps,
        [
            vec![(Value(1), 5), (Value(2), 2), (Other, 2)],
            vec![(Value(2), 3), (Value(1), 2), (Other, 2), (Dropoff, 2)]
        ]
    );
    let link = |from, to, sessions| PathLink { step: 0, from, to, sessions };
    let expected = [
        link(Value(1), Value(2), 3),
        link(Value(1), Other, 2),
        link(Value(2), Dropoff, 2),
        link(Other, Value(1), 2),
    ];
    assert_eq!(graph.links, expected);
    assert_eq!(PathTree::default().graph(3, 3), PathGraph { steps: vec![], links: vec![] });
    assert_eq!(tree.graph(0, 3), PathGraph { steps: vec![], links: vec![] });
}

proptest! {
    #[test]
    fn the_graph_loses_no_session(
        sessions in prop::collection::vec(prop::collection::vec(0..6u32, 1..8), 0..30),
        (steps, top, half) in (1..5usize, 0..4usize, 0..30usize),
    ) {
        let collapsed = |values: &Vec<u32>| {
            let mut path = Vec::new();
            collapse(values, &Cut::None, steps, &mut path);
            path
        };
        let paths: Vec<Vec<u32>> = sessions.iter().map(collapsed).collect();
        let (mut tree, mut rest) = (PathTree::default(), PathTree::default());
        for (number, path) in paths.iter().enumerate() {
            if number < half { tree.add(path, 1) } else { rest.add(path, 1) }
        }
        tree.merge(&rest);
        let graph = tree.graph(steps, top);

        let (expected_places, expected_links) = oracle::pathway::weights(&paths, steps, top);
        let placed = graph.steps.iter().enumerate();
        let places: BTreeMap<(usize, Place), u64> = placed
            .flat_map(|(step, places)| places.iter().map(move |(place, weight)| ((step, *place), *weight)))
            .collect();
        let links: BTreeMap<(usize, Place, Place), u64> =
            graph.links.iter().map(|link| ((link.step, link.from, link.to), link.sessions)).collect();
        prop_assert_eq!(&places, &expected_places);
        prop_assert_eq!(links, expected_links);

        for ((step, place), weight) in places {
            let sum = |is: &dyn Fn(&&PathLink) -> bool| graph.links.iter().filter(is).map(|link| link.sessions).sum::<u64>();
            if step > 0 {
                prop_assert_eq!(sum(&|link| link.step + 1 == step && link.to == place), weight, "in");
            }
            if step + 1 < steps && place != Place::Dropoff {
                prop_assert_eq!(sum(&|link| link.step == step && link.from == place), weight, "out");
            }
        }
        for places in &graph.steps {
            prop_assert!(places.iter().filter(|(place, _)| matches!(place, Place::Value(_))).count() <= top);
        }
    }
}
