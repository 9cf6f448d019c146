export { FRAME_HEADER_BYTES, decodeFrame, decodePayload, encodeFrame, frameSize } from './codec.js';
export { FrameDecoder } from './decoder.js';
export {
  bucketLower,
  bucketUpper,
  histogramAbove,
  histogramCount,
  histogramIndex,
  histogramQuantile,
  mergeHistograms,
} from './histogram.js';
export {
  FRAME_VERSION,
  HISTOGRAM_MAX_INDEX,
  HISTOGRAM_SUB_BUCKETS,
  MAX_FRAME_BYTES,
  exchangeFlags,
  frameTypes,
} from './messages.js';
export type {
  Bucket as HistogramBucket,
  ConfigAckFrame,
  ConfigFrame,
  DroppedFrame,
  EndpointNode,
  ExchangeFrame,
  Frame,
  HelloFrame,
  CacheFrame,
  LimitsFrame,
  SubscribeFrame,
  TelemetryFrame,
} from './messages.js';
export { FrameError } from './wire.js';
export type { FrameFault } from './wire.js';
