//! Sixteen threads share one client while its token or nonce goes bad under them and somebody cancels: each call has its
//! own answer, or was cancelled because it was in progress then.

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use atlas_backup::{Client, ClusterType, ErrorKind, Format};
use atlas_simulator::{CLIENT_ID, CLIENT_SECRET, PRIVATE_KEY, PROJECT, PUBLIC_KEY, Simulator};
use common::{client, config, get_id, until};

const THREADS: usize = 16;

/// What the threads share, and what they tell of themselves.
struct Crowd {
    client: Client,
    stop: AtomicBool,
    /// How many calls of each thread have ended, and how many of all were cancelled.
    ended: [AtomicUsize; THREADS],
    cancelled: AtomicUsize,
    cancellations_begun: AtomicUsize,
    cancellations_over: AtomicUsize,
}

impl Crowd {
    /// Calls until it is told to stop. Nobody else asks what this thread asks for.
    fn work(&self, thread: usize) {
        for count in 0.. {
            if self.stop.load(SeqCst) {
                return;
            }
            let over = self.cancellations_over.load(SeqCst);
            let outcome = if thread.is_multiple_of(4) {
                self.list(10 + thread)
            } else {
                self.get(&format!("{thread:02x}{count:022x}"))
            };
            if let Err(error) = outcome {
                assert_eq!(error.kind, ErrorKind::Cancelled, "{error}");
                let begun = self.cancellations_begun.load(SeqCst);
                assert!(begun > over, "cancelled though entered later");
                self.cancelled.fetch_add(1, SeqCst);
            }
            self.ended[thread].fetch_add(1, SeqCst);
        }
    }

    fn get(&self, id: &str) -> atlas_backup::Result<()> {
        let snapshot = get_id(&self.client, "slow-3", id)?;
        assert_eq!(snapshot.id(), Some(id));
        assert!(snapshot.links().next().unwrap().href.unwrap().ends_with(id));
        Ok(())
    }

    fn list(&self, length: usize) -> atlas_backup::Result<()> {
        let cluster = format!("many-{length}");
        let list = self.client.list_snapshots(
            ClusterType::ReplicaSet,
            PROJECT,
            &cluster,
            Format::default(),
        )?;
        assert_eq!(list.len(), length);
        Ok(())
    }

    fn cancel(&self) {
        self.cancellations_begun.fetch_add(1, SeqCst);
        self.client.cancel();
        self.cancellations_over.fetch_add(1, SeqCst);
    }

    /// Waits until no call is left that was in progress before, so that none meets two mishaps: a second refusal in a row
    /// would rightly be an error.
    fn settle(&self) {
        let before = self.ended.each_ref().map(|ended| ended.load(SeqCst));
        until("every thread has ended two more calls", || {
            let mut pairs = self.ended.iter().zip(before);
            pairs.all(|(ended, before)| ended.load(SeqCst) >= before + 2)
        });
    }
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Lets the crowd work while `mishaps` happen. Every call of it ends as it should, and the client is as good as new.
fn crowd(client: Client, mishaps: impl FnOnce(&Crowd)) {
    let crowd = Crowd {
        client,
        stop: AtomicBool::new(false),
        ended: Default::default(),
        cancelled: AtomicUsize::new(0),
        cancellations_begun: AtomicUsize::new(0),
        cancellations_over: AtomicUsize::new(0),
    };
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let crowd = &crowd;
            scope.spawn(move || crowd.work(thread));
        }
        // Also when a check here fails, or the threads would work on for ever.
        let _stop = Stop(&crowd.stop);
        crowd.settle();
        mishaps(&crowd);
    });
    assert!(crowd.cancelled.load(SeqCst) > 0, "no call was cancelled");
    crowd.get("00000000000000000000beef").expect("an answer");
    crowd.list(3).expect("an answer");
}

fn refusals(atlas: &Simulator) -> usize {
    atlas.count(|_, status| status == 401)
}

#[test]
fn threads_that_share_a_token_see_neither_its_end_nor_others_answers() {
    let atlas = Simulator::start();
    let mut config = config(&atlas);
    config.set_service_account(Some(CLIENT_ID.as_bytes()), Some(CLIENT_SECRET.as_bytes()));
    crowd(client(&config), |crowd| {
        // Before its time, which the server alone knows.
        for cancelled in [false, true].repeat(10) {
            atlas.revoke_all_tokens();
            if cancelled {
                crowd.cancel();
            }
            crowd.settle();
        }
        assert!(refusals(&atlas) >= 20, "{}", refusals(&atlas));
        // In its time, which the client knows: four lives of a second.
        atlas.change(|settings| settings.expires_in = 1.into());
        atlas.revoke_all_tokens();
        crowd.settle();
        let (refused, issued) = (refusals(&atlas), atlas.tokens_issued());
        until("three more tokens were fetched", || {
            thread::sleep(Duration::from_millis(20));
            crowd.cancel();
            atlas.tokens_issued() >= issued + 3
        });
        assert_eq!(refusals(&atlas), refused, "no refusal was needed for that");
    });
}

#[test]
fn threads_that_share_a_nonce_see_neither_its_end_nor_others_answers() {
    let atlas = Simulator::start();
    let mut config = config(&atlas);
    config.set_api_key(Some(PUBLIC_KEY.as_bytes()), Some(PRIVATE_KEY.as_bytes()));
    crowd(client(&config), |crowd| {
        // All at once.
        for cancelled in [false, true].repeat(10) {
            atlas.forget_nonces();
            if cancelled {
                crowd.cancel();
            }
            crowd.settle();
        }
        let refused = refusals(&atlas);
        assert!(refused >= 20, "{refused}");
        // By wear: five requests a nonce, for sixteen threads.
        atlas.change(|settings| settings.digest.nonce_uses = 5);
        for _ in 0..20 {
            crowd.settle();
            crowd.cancel();
        }
        assert!(refusals(&atlas) >= refused + 20, "{}", refusals(&atlas));
    });
}
