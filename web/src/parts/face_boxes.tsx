import type {Face, TrackedFace} from '../api';
import {num, percent} from '../logic/format';
import {boxInPercent} from '../logic/geometry';

// What is drawn at a face, and what is said of it.
export function describe(tracked: TrackedFace) {
  const person = tracked.face?.person;
  if (person?.name) {
    return {
      kind: 'known',
      label: person.name,
      spoken: `${person.name}, similarity ${percent(person.similarity)}`,
    };
  }
  return tracked.decided ?
      {kind: 'unknown', label: 'unknown', spoken: 'Somebody unknown'} :
      {kind: 'open', label: '', spoken: 'A face, not yet told whose'};
}

// Faces over a picture whose pixels they are in; the parent is as large as
// the picture.
export function FaceBoxes({faces, width, height, choose, spell}: {
  faces: TrackedFace[],
  width: number,
  height: number,
  choose?: ((face: TrackedFace) => void)|undefined,
  spell?: (face: TrackedFace) => string,  // What choosing one is called.
}) {
  return (
    <>
      {faces.map((tracked) => {
        const box = boxInPercent(tracked.face?.box, width, height);
        if (!box) return null;
        const {kind, label, spoken} = describe(tracked);
        const style = {
          left: `${box.left}%`,
          top: `${box.top}%`,
          width: `${box.width}%`,
          height: `${box.height}%`,
        };
        const stale = num(tracked.unseenUs) > 0 ? ' stale' : '';
        const below = box.top < 8 ? ' below' : '';
        const text = label && <span class="face-name">{label}</span>;
        const key = String(tracked.track ?? 0);
        return choose ?
            <button type="button" key={key} style={style}
                    class={`face ${kind}${stale}${below}`}
                    aria-label={spell?.(tracked) ??
                        `${spoken}: say who this is`}
                    onClick={(event) => {
                      event.stopPropagation();
                      choose(tracked);
                    }}>{text}</button> :
            <div key={key} style={style} title={spoken}
                 class={`face ${kind}${stale}${below}`}>{text}</div>;
      })}
    </>
  );
}

// Faces of one photo, told apart by their number from the left.
export function asTracked(faces: Face[]): TrackedFace[] {
  return faces.map((face, index) => ({track: index + 1, face}));
}
