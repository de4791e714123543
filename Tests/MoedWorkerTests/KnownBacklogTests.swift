import MoedCore
import MoedWorker
import MoedQueue
import Testing

@Suite struct KnownBacklogTests {
    private static let jobClass = JobClass(model: "m", mode: .thinking, bucket: 7)

    private static func known(queued: Int, lookTakes: Duration = .milliseconds(1)) -> KnownBacklog {
        var known = KnownBacklog()
        known.looked(
            [ClassBacklog(jobClass: jobClass, queued: queued, oldestAge: .zero)], from: .zero, to: lookTakes)
        return known
    }

    @Test func nothingIsKnownAtTheStart() {
        #expect(KnownBacklog().needsLook(now: .zero))
    }

    /// A poll's result stays valid for less than the usual poll interval; otherwise every second poll would be skipped.
    @Test func aLookLastsForASecondAndAHalfOrFiftyTimesItsOwnTime() {
        let quick = Self.known(queued: 10)
        #expect(!quick.needsLook(now: .milliseconds(1500)))
        #expect(quick.needsLook(now: .milliseconds(1501)))
        let slow = Self.known(queued: 10, lookTakes: .milliseconds(100))
        #expect(!slow.needsLook(now: .milliseconds(5099)))
        #expect(slow.needsLook(now: .milliseconds(5100)))
    }

    /// An empty backlog expires early: without notifications, a job waits no longer than the poll interval.
    @Test func thatThereWasNothingIsNotKept() {
        let empty = Self.known(queued: 0)
        #expect(!empty.needsLook(now: .milliseconds(50)))
        #expect(empty.needsLook(now: .milliseconds(51)))
    }

    private static func jobs(_ count: Int, tenant: Int = 1) -> [ClaimedJob] {
        (0..<count).map {
            ClaimedJob(
                lease: JobLease(job: JobID(Int64($0)), token: 1), jobClass: jobClass,
                tenant: "default", tenantID: tenant, body: "{}", waited: .zero)
        }
    }

    @Test func claimsAreTakenOutUntilOneComesShort() {
        var known = Self.known(queued: 10)
        known.claimed(Self.jobs(4), of: 4, in: Self.jobClass)
        #expect(known.queued == 6 && !known.needsLook(now: .milliseconds(2)))
        known.claimed(Self.jobs(3), of: 4, in: Self.jobClass)
        #expect(known.needsLook(now: .milliseconds(2)))
    }

    /// Claimed jobs count as running in every job class. Otherwise the next claim would favour the same tenants again.
    @Test func whatWasClaimedRunsInEveryGroup() {
        let other = JobClass(model: "m", mode: .nonThinking, bucket: 5)
        var known = KnownBacklog()
        known.looked(
            [Self.jobClass, other].map {
                ClassBacklog(
                    jobClass: $0, queued: 9, oldestAge: .zero,
                    tenants: [.init(id: 1, weight: 1, running: 2), .init(id: 7, weight: 1)])
            }, from: .zero, to: .milliseconds(1))
        known.claimed(Self.jobs(3, tenant: 7) + Self.jobs(1), of: 4, in: Self.jobClass)
        #expect(known.classes.map { $0.tenants.map(\.running) } == [[3, 3], [3, 3]])
        #expect(known.classes.map(\.queued) == [5, 9])
    }

    @Test func whatWasCountedMayNotBeAll() {
        var known = Self.known(queued: 8)
        known.claimed(Self.jobs(8), of: 8, in: Self.jobClass)
        #expect(known.needsLook(now: .milliseconds(2)))
    }

    @Test func aLookStopsCounting() {
        #expect(Self.known(queued: JobStore.backlogCountMax).isAtLeast)
        #expect(!Self.known(queued: JobStore.backlogCountMax - 1).isAtLeast)
    }

    @Test func aNotificationCallsForALook() {
        var known = Self.known(queued: 8)
        known.forget()
        #expect(known.needsLook(now: .milliseconds(2)))
    }
}
