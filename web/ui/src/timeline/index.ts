export { Days, noDay, type DayData } from './days';
export type { Mark } from './draw';
export * from './geometry';
export { Timeline, type Hover } from './timeline';
