//! Computes which segments of which branches make up the history of a branch. Pure; stores use it to decide which
//! items to read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The fork that a branch began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// The number of the parent branch.
    pub parent: i64,
    /// The last position that it shares with the parent.
    pub fork: i64,
}

/// A range of one branch's own items: positions `after < place <= until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The number of the branch.
    pub branch: i64,
    /// The position before the first item.
    pub after: i64,
    /// The position of the last item.
    pub until: i64,
}

impl Segment {
    /// Whether the item at `place` of `branch` is in this segment.
    pub fn holds(&self, branch: i64, place: i64) -> bool {
        self.branch == branch && self.after < place && place <= self.until
    }
}

/// The branches of one conversation by number, each with the fork that it began with (`None`: it began with the
/// conversation).
#[derive(Debug, Clone, Default)]
pub struct Lineage(BTreeMap<i64, Option<Root>>);

impl Lineage {
    /// Adds a branch.
    pub fn add(&mut self, branch: i64, root: Option<Root>) {
        self.0.insert(branch, root);
    }

    /// The segments of a branch's history, from its first item to its last. Positions increase from one segment to the
    /// next.
    pub fn segments(&self, branch: i64) -> Vec<Segment> {
        let mut segments = Vec::new();
        let (mut branch, mut until) = (branch, i64::MAX);
        // A branch's parent is always older. The bound ends the loop even if a store's data is corrupt.
        for _ in 0..=self.0.len() {
            let root = self.0.get(&branch).copied().flatten();
            let after = root.map_or(0, |root| root.fork);
            if after < until {
                segments.push(Segment { branch, after, until });
            }
            let Some(root) = root else { break };
            (branch, until) = (root.parent, until.min(root.fork));
        }
        segments.reverse();
        segments
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_fork_shows_its_parents_up_to_the_fork() {
        let mut lineage = Lineage::default();
        lineage.add(1, None);
        lineage.add(2, Some(Root { parent: 1, fork: 4 }));
        lineage.add(3, Some(Root { parent: 2, fork: 2 }));
        let seen = |branch| {
            let segments = lineage.segments(branch);
            segments.iter().map(|s| (s.branch, s.after, s.until)).collect::<Vec<_>>()
        };
        assert_eq!(seen(1), [(1, 0, i64::MAX)]);
        assert_eq!(seen(2), [(1, 0, 4), (2, 4, i64::MAX)]);
        // The fork is before the parent's own first item, so the parent contributes no items.
        assert_eq!(seen(3), [(1, 0, 2), (3, 2, i64::MAX)]);
    }

    proptest! {
        #[test]
        fn every_place_is_shown_once(roots in proptest::collection::vec((0usize..20, 0i64..50), 0..20)) {
            let mut lineage = Lineage::default();
            lineage.add(0, None);
            for (i, (parent, fork)) in roots.iter().enumerate() {
                let parent = i64::try_from(parent % (i + 1)).unwrap();
                lineage.add(i as i64 + 1, Some(Root { parent, fork: *fork }));
            }
            for branch in 0..=roots.len() as i64 {
                let segments = lineage.segments(branch);
                prop_assert_eq!(segments[0].after, 0);
                prop_assert_eq!(segments.last().unwrap().until, i64::MAX);
                for pair in segments.windows(2) {
                    prop_assert_eq!(pair[0].until, pair[1].after);
                }
            }
        }
    }
}
