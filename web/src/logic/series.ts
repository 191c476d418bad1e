import type {ServiceStatus} from '../api';
import {num} from './format';

// What the charts show of the service, one value a sample; NaN: not known.
export interface Sample {
  time: number;  // Seconds since 1970.
  requests: number;  // A second.
  failed: number;
  images: number;
  hitRatio: number;  // Of the images since the sample before.
  p50: number;       // Milliseconds.
  p99: number;
  inFlight: number;
  waiting: number;  // For models.
  atModels: number;
  modelLoad: number;  // Seconds in models, a second.
  processor: number;  // Processors in use.
  memory: number;     // Megabytes.
}

// What happened between two states. A service that began anew counts from 0.
export function sampleOf(
    before: ServiceStatus|null, now: ServiceStatus): Sample {
  const time = Date.parse(now.now ?? '') / 1000;
  const passed = before ? time - Date.parse(before.now ?? '') / 1000 : 0;
  const same = before !== null && before.started === now.started && passed > 0;
  const rate = (of: (status: ServiceStatus) => number) =>
      same ? Math.max(0, of(now) - of(before)) / passed : NaN;
  const images = rate((status) => num(status.images));
  const cached = rate((status) => num(status.imagesCached));
  return {
    time,
    requests: rate((status) => num(status.requests)),
    failed: rate((status) => num(status.failedRequests)),
    images,
    hitRatio: images > 0 ? Math.min(1, cached / images) : NaN,
    p50: (now.latencyP50 ?? 0) * 1000,
    p99: (now.latencyP99 ?? 0) * 1000,
    inFlight: now.inFlight ?? 0,
    waiting: now.waitingForModels ?? 0,
    atModels: now.atModels ?? 0,
    modelLoad: rate((status) => status.modelSeconds ?? 0),
    processor: rate((status) => status.processorSeconds ?? 0),
    memory: num(now.memoryBytes) / 1e6,
  };
}

// The last so many, oldest first.
export class Series {
  private samples: Sample[] = [];
  private last: ServiceStatus|null = null;

  constructor(private readonly capacity: number) {}

  add(status: ServiceStatus): Sample {
    const sample = sampleOf(this.last, status);
    this.last = status;
    const newest = this.samples[this.samples.length - 1];
    // The clock of the service was set back: a chart needs times that grow.
    if (newest && !(sample.time > newest.time)) this.samples = [];
    this.samples.push(sample);
    if (this.samples.length > this.capacity) this.samples.shift();
    return sample;
  }

  column(name: keyof Sample): (number|null)[] {
    return this.samples.map(
        (sample) => Number.isNaN(sample[name]) ? null : sample[name]);
  }

  get size(): number {
    return this.samples.length;
  }
}
