import MoedCore
import MoedPreparation
import Testing

/// The order of preparations: tenants take turns.
@Suite struct PreparationQueueTests {
    private func entry(_ id: Int64, tenant: Int, bytes: Int = 10) -> PreparationQueue.Entry {
        .init(
            job: RunnableJob(
                id: JobID(id), jobClass: JobClass(model: "default", mode: .thinking, bucket: 5),
                tenant: tenant,
                body: String(repeating: "x", count: bytes)),
            start: Int(id))
    }

    private func order(_ queue: PreparationQueue) -> [Int64] {
        var queue = queue
        var order: [Int64] = []
        while let next = queue.next() { order.append(next.job.id.rawValue) }
        return order
    }

    @Test func aTenantWithManyJobsDelaysItsOwnOnly() {
        var queue = PreparationQueue()
        for id in 1...4 { queue.append(entry(Int64(id), tenant: 1)) }
        queue.append(entry(5, tenant: 2))
        queue.append(entry(6, tenant: 3))
        queue.append(entry(7, tenant: 2))
        #expect(order(queue) == [1, 5, 6, 2, 7, 3, 4])
    }

    @Test func removedJobsFreeTheirBytesAndTurns() {
        var queue = PreparationQueue()
        queue.append(entry(1, tenant: 1, bytes: 100))
        queue.append(entry(2, tenant: 2, bytes: 10))
        queue.append(entry(3, tenant: 1, bytes: 1))
        #expect(queue.bytes == 111)
        queue.remove([JobID(2), JobID(3), JobID(9)])
        #expect(queue.bytes == 100)
        #expect(order(queue) == [1])
        _ = queue.next()
        #expect(queue.bytes == 0 && queue.next() == nil)
        queue.append(entry(4, tenant: 2))
        #expect(order(queue) == [4])
    }

    /// A tenant whose last job was taken comes last when its next job arrives.
    @Test func aTenantThatComesBackWaitsForItsTurn() {
        var queue = PreparationQueue()
        queue.append(entry(1, tenant: 1))
        queue.append(entry(2, tenant: 2))
        #expect(queue.next()?.job.id == JobID(1))
        queue.append(entry(3, tenant: 1))
        #expect(order(queue) == [2, 3])
    }
}
