//! What is measured: a case has subjects, a subject has one lane per thread.

/// Runs so many operations. Each lane of a subject runs on a core of its own, all at the same time.
pub(crate) type Lane = Box<dyn FnMut(u64) + Send>;

/// How a subject stands in its case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The least that the hardware or the transport could take.
    Limit,
    /// One of our crates.
    Ours,
    /// What people use today.
    Peer,
}

/// One contender. Its lanes keep their state from sample to sample: what is measured is the steady state.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    pub(crate) lanes: Vec<Lane>,
    /// Whether its allocations go through the audited global allocator.
    pub(crate) audited: bool,
    /// Operations of a chunk, where that is not as many as fill the usual time.
    pub(crate) run: Option<u64>,
}

/// A job and all who do it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) subjects: Vec<Subject>,
    /// Whether one operation passes through all lanes, instead of each lane doing its own.
    pub(crate) chain: bool,
    /// How many times as many rounds as other cases it has.
    pub(crate) patience: usize,
}

impl Case {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, subjects: Vec::new(), chain: false, patience: 1 }
    }

    /// A case whose operations go from lane to lane.
    pub(crate) fn chain(name: &'static str) -> Self {
        Self { chain: true, ..Self::new(name) }
    }

    /// Takes so many times as many rounds: for subjects that have several paces, and change between them from round to round.
    pub(crate) fn with_patience(self, patience: usize) -> Self {
        Self { patience, ..self }
    }

    pub(crate) fn limit(self, name: &'static str, lanes: impl Into<Vec<Lane>>) -> Self {
        self.with(name, Role::Limit, lanes.into(), true)
    }

    pub(crate) fn ours(self, name: &'static str, lanes: impl Into<Vec<Lane>>) -> Self {
        self.with(name, Role::Ours, lanes.into(), true)
    }

    #[cfg(feature = "peers")]
    pub(crate) fn peer(self, name: &'static str, lanes: impl Into<Vec<Lane>>) -> Self {
        self.with(name, Role::Peer, lanes.into(), true)
    }

    /// A peer that does not use the global allocator.
    #[cfg(feature = "peers")]
    pub(crate) fn unaudited_peer(self, name: &'static str, lanes: impl Into<Vec<Lane>>) -> Self {
        self.with(name, Role::Peer, lanes.into(), false)
    }

    /// The subject added last has so many operations at a time: what it takes to start and end them is then a small part.
    pub(crate) fn in_runs_of(mut self, operations: u64) -> Self {
        if let Some(last) = self.subjects.last_mut() {
            last.run = Some(operations);
        }
        self
    }

    fn with(mut self, name: &'static str, role: Role, lanes: Vec<Lane>, audited: bool) -> Self {
        self.subjects.push(Subject { name, role, lanes, audited, run: None });
        self
    }

    /// The most threads that a subject of this case needs.
    pub(crate) fn lanes(&self) -> usize {
        self.subjects.iter().map(|subject| subject.lanes.len()).max().unwrap_or(0)
    }
}

/// Keeps the state of a lane off the cache lines of the other lanes.
#[repr(align(128))]
struct Apart<F>(F);

/// A lane that runs `operation` over and over.
pub(crate) fn lane(operation: impl FnMut() + Send + 'static) -> Lane {
    lane_of(1, operation)
}

/// A lane whose `operation` stands for `size` operations. Their number is rounded up.
pub(crate) fn lane_of(size: u64, operation: impl FnMut() + Send + 'static) -> Lane {
    let mut apart = Apart(operation);
    Box::new(move |operations| {
        let Apart(operation) = &mut apart;
        (0..operations.div_ceil(size)).for_each(|_| operation());
    })
}

/// A lane whose `some` does as many operations as it can at a time and says how many. What it does too much counts for the next
/// run.
pub(crate) fn lane_of_some(some: impl FnMut() -> u64 + Send + 'static) -> Lane {
    let mut apart = Apart((some, 0_u64));
    Box::new(move |operations| {
        let Apart((some, ahead)) = &mut apart;
        while *ahead < operations {
            *ahead += some();
        }
        *ahead -= operations;
    })
}
