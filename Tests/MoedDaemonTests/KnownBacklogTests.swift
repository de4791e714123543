import MoedCore
import MoedDaemon
import MoedQueue
import Testing

@Suite struct KnownBacklogTests {
    private static let group = JobGroup(model: "m", mode: .thinking, bucket: 7)

    private static func known(queued: Int, lookTakes: Duration = .milliseconds(1)) -> KnownBacklog {
        var known = KnownBacklog()
        known.looked(
            [GroupBacklog(group: group, queued: queued, oldestAge: .zero)], from: .zero, to: lookTakes)
        return known
    }

    @Test func nothingIsKnownAtTheStart() {
        #expect(KnownBacklog().needsLook(now: .zero))
    }

    @Test func aLookLastsForASecondOrFiftyTimesItsOwnTime() {
        let quick = Self.known(queued: 10)
        #expect(!quick.needsLook(now: .milliseconds(1000)))
        #expect(quick.needsLook(now: .milliseconds(1001)))
        let slow = Self.known(queued: 10, lookTakes: .milliseconds(100))
        #expect(!slow.needsLook(now: .milliseconds(5099)))
        #expect(slow.needsLook(now: .milliseconds(5100)))
    }

    @Test func claimsAreTakenOutUntilOneComesShort() {
        var known = Self.known(queued: 10)
        known.claimed(4, of: 4, in: Self.group)
        #expect(known.queued == 6 && !known.needsLook(now: .milliseconds(2)))
        known.claimed(3, of: 4, in: Self.group)
        #expect(known.needsLook(now: .milliseconds(2)))
    }

    @Test func whatWasCountedMayNotBeAll() {
        var known = Self.known(queued: 8)
        known.claimed(8, of: 8, in: Self.group)
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
