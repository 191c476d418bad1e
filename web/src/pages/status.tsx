import {useRef} from 'preact/hooks';
import {api, type Model, type ServiceStatus} from '../api';
import {bytes, count, percent, plural, seconds, span} from '../logic/format';
import {Series} from '../logic/series';
import {Chart} from '../parts/chart';
import {useLoad} from '../parts/load';
import {Empty, Loading, Trouble} from '../parts/message';

const kEveryMs = 1000;
const kSamples = 300;

const rate = (value: number) =>
    value >= 99.5 ? count(Math.round(value)) : value.toFixed(1);
const whole = (value: number) =>
    Number.isInteger(value) ? count(value) : value.toFixed(1);
const time = (value: number) => seconds(value / 1000);

function Charts({series}: {series: Series}) {
  const times = series.column('time');
  const column = (name: Parameters<Series['column']>[0], label: string) =>
      ({label, values: series.column(name)});
  return (
    <div class="charts">
      <Chart title="Requests a second" times={times} format={rate}
             lines={[column('requests', 'all'), column('failed', 'failed')]} />
      <Chart title="Latency" times={times} format={time}
             lines={[column('p50', 'p50'), column('p99', 'p99')]} />
      <Chart title="Images a second" times={times} format={rate}
             lines={[column('images', 'images')]} />
      <Chart title="Known already (cache)" times={times} format={percent}
             most={1} lines={[column('hitRatio', 'known')]} />
      <Chart title="Requests in flight" times={times} format={whole}
             lines={[column('inFlight', 'in flight')]} />
      <Chart title="Queue for models" times={times} format={whole}
             lines={[column('waiting', 'waiting'), column('atModels', 'at work')]} />
      <Chart title="Busy" times={times} format={rate}
             lines={[column('modelLoad', 'models'),
                     column('processor', 'processors')]} />
      <Chart title="Memory" times={times}
             format={(value) => bytes(value * 1e6)}
             lines={[column('memory', 'memory')]} />
    </div>
  );
}

function Facts({status}: {status: ServiceStatus}) {
  const up = (Date.parse(status.now ?? '') - Date.parse(status.started ?? '')) /
      1000;
  const facts: [string, string][] = [
    ['Version', status.version ?? ''],
    ['Running for', span(up || 0)],
    ['Models', status.ready ? 'warm' : 'being loaded'],
    ['Access', status.locked ? 'locked' : 'open'],
    ['Requests', `${count(status.requests)}, ${
        count(status.failedRequests)} failed`],
    ['Images', `${count(status.images)}, ${
        count(status.imagesCached)} known`],
    ['People', count(status.people)],
    ['Videos', count(status.videos)],
  ];
  return (
    <dl class="facts wide">
      {facts.map(([name, value]) => (
        <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
      ))}
    </dl>
  );
}

function Models({models}: {models: Model[]}) {
  if (models.length === 0) {
    return (
      <Empty icon="status" title="No models are installed">
        <pre>ocelli models pull</pre>
      </Empty>
    );
  }
  return (
    <div class="table-place" tabIndex={0} role="region" aria-label="Models">
      <table>
        <thead>
          <tr><th>Model</th><th>Task</th><th class="number">Dimension</th>
            <th>Licence</th></tr>
        </thead>
        <tbody>
          {models.map((model) => (
            <tr key={model.name}>
              <td>{model.name}</td>
              <td>{model.task}{model.readsText && ', reads text'}</td>
              <td class="number">{model.dimension || ''}</td>
              <td>{model.licence}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Status() {
  const series = useRef(new Series(kSamples));
  const status = useLoad(async (signal) => {
    const now = await api.status(signal);
    series.current.add(now);
    return now;
  }, [], kEveryMs);
  const models = useLoad(api.models, []);
  return (
    <>
      <header class="page-head">
        <h1>Status</h1>
        {status.data &&
            <span class={`state ${status.data.ready ? 'state-running' :
                'state-starting'}`}>
              {status.data.ready ? 'Ready' : 'Getting ready'}</span>}
      </header>
      {status.error && <Trouble error={status.error} retry={status.reload} />}
      {!status.data && status.loading && <Loading what="the state" />}
      {status.data &&
        <>
          <Facts status={status.data} />
          <Charts series={series.current} />
        </>}
      <section aria-labelledby="models">
        <h2 id="models">Models {models.data?.models &&
            <span class="note">{plural(models.data.models.length, 'model')}
            </span>}</h2>
        {models.error && <Trouble error={models.error} retry={models.reload} />}
        {models.data && <Models models={models.data.models ?? []} />}
      </section>
      <p class="note foot">For programs: <a href="openapi.json">openapi.json</a>,{' '}
        <a href="metrics">metrics</a>. This page is made with{' '}
        <a href="licences.txt">Preact and uPlot</a>.</p>
    </>
  );
}
